// Package enrich sets fields from a lookup's row: the stage `enrich`.
//
// The key is an expression over the event; the row found is `found` in the
// expressions that set fields. No key or no row leaves the event as it is. A
// null value sets nothing.
package enrich

import (
	"fmt"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/sdk"
)

// Table finds rows.
type Table interface {
	// Find returns the row of key, nil if there is none. It is safe for
	// concurrent use.
	Find(key string) *expr.Row
}

// Stage is one enrich stage.
type Stage struct {
	table Table
	key   *expr.String
	sets  []assignment
}

type assignment struct {
	set   func(*sdk.Event, string)
	value *expr.String
}

// New returns the stage.
func New(c *config.Enrich, t Table) (*Stage, error) {
	s := &Stage{table: t, key: c.Key}
	for _, a := range c.Set {
		set, err := setter(a)
		if err != nil {
			return nil, err
		}
		s.sets = append(s.sets, assignment{set, a.Value})
	}
	return s, nil
}

// settable are the canonical fields that enrichment may set. What identifies an
// event or says what happened is the provider's.
var settable = map[string]func(*sdk.Event, string){
	"customer_id":     func(e *sdk.Event, v string) { e.CustomerID = v },
	"campaign_id":     func(e *sdk.Event, v string) { e.CampaignID = v },
	"conversation_id": func(e *sdk.Event, v string) { e.ConversationID = v },
	"account":         func(e *sdk.Event, v string) { e.Account = v },
	"error_reason":    func(e *sdk.Event, v string) { e.ErrorReason = v },
	"recipient":       func(e *sdk.Event, v string) { e.Recipient = v },
	"sender":          func(e *sdk.Event, v string) { e.Sender = v },
}

// Settable reports whether enrichment may set the canonical field.
func Settable(field string) bool { return settable[field] != nil }

func setter(a config.Assignment) (func(*sdk.Event, string), error) {
	if a.Attribute {
		name := a.Field
		return func(e *sdk.Event, v string) { e.Attributes.Set(name, v) }, nil
	}
	set := settable[a.Field]
	if set == nil {
		return nil, fmt.Errorf("enrich: field %q cannot be set", a.Field)
	}
	return set, nil
}

// Apply implements stage.Stage.
func (s *Stage) Apply(b *stage.Batch) error {
	for i := range b.Items {
		it := &b.Items[i]
		if it.Outcome != 0 {
			continue
		}
		b.Env.Reset(it.Event)
		key, ok := s.key.Eval(&b.Env)
		if !ok {
			continue
		}
		row := s.table.Find(key)
		if row == nil {
			continue
		}
		b.Env.Found = row
		for _, a := range s.sets {
			if v, ok := a.value.Eval(&b.Env); ok {
				a.set(it.Event, v)
			}
		}
		b.Env.Found = nil
	}
	return nil
}
