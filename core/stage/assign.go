package stage

import (
	"fmt"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/patchbay-io/patchbay/sdk"
)

// Assignments set fields of an event to the values of expressions.
type Assignments []assignment

type assignment struct {
	set   func(*sdk.Event, string)
	value *expr.String
}

// NewAssignments prepares what a configuration says.
func NewAssignments(cs []config.Assignment) (Assignments, error) {
	var out Assignments
	for _, c := range cs {
		set, err := setter(c)
		if err != nil {
			return nil, err
		}
		out = append(out, assignment{set, c.Value})
	}
	return out, nil
}

// settable are the canonical fields that a stage may set. What identifies an
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

func setter(a config.Assignment) (func(*sdk.Event, string), error) {
	if a.Attribute {
		name := a.Field
		return func(e *sdk.Event, v string) { e.Attributes.Set(name, v) }, nil
	}
	set := settable[a.Field]
	if set == nil {
		return nil, fmt.Errorf("stage: field %q cannot be set", a.Field)
	}
	return set, nil
}

// Apply sets the fields of env's event. All values are computed before any is
// set, so that the order in which they are written makes no difference. A null
// value sets nothing.
func (as Assignments) Apply(env *expr.Env) {
	var few [8]value
	values := few[:0]
	for _, a := range as {
		text, ok := a.value.Eval(env)
		values = append(values, value{text, ok})
	}
	for i, v := range values {
		if v.ok {
			as[i].set(env.Event, v.text)
		}
	}
}

type value struct {
	text string
	ok   bool
}
