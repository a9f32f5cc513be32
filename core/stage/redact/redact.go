package redact

import (
	"context"
	"errors"
	"fmt"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/sdk"
)

// Stage is the redact stage of one pipeline.
type Stage struct {
	fields      []fieldRule
	attributes  []attributeRule
	paths       []pathRule
	dropPayload bool
	tokens      *tokens
}

type fieldRule struct {
	action string
	text   func(*sdk.Event) *string
}

type attributeRule struct{ action, name string }

type pathRule struct {
	action string
	path   config.Path
	form   string // what it is called in a form
}

// New returns the stage.
func New(c *config.Redact) (*Stage, error) {
	s := &Stage{tokens: newTokens(c.Key)}
	for _, r := range c.Rules {
		if r.Action == config.Tokenize && len(c.Key) < config.MinRedactKey {
			return nil, errors.New("redact: tokens need a key of at least 16 bytes")
		}
		switch {
		case r.Payload:
			s.dropPayload = true
		case r.Attribute != "":
			s.attributes = append(s.attributes, attributeRule{r.Action, r.Attribute})
		case len(r.Path) > 0:
			s.paths = append(s.paths, pathRule{r.Action, r.Path, r.FormField})
		default:
			text := field(r.Field)
			if text == nil {
				return nil, fmt.Errorf("redact: field %q cannot be redacted", r.Field)
			}
			s.fields = append(s.fields, fieldRule{r.Action, text})
		}
	}
	return s, nil
}

func field(name string) func(*sdk.Event) *string {
	switch name {
	case "recipient":
		return func(e *sdk.Event) *string { return &e.Recipient }
	case "sender":
		return func(e *sdk.Event) *string { return &e.Sender }
	case "customer_id":
		return func(e *sdk.Event) *string { return &e.CustomerID }
	case "conversation_id":
		return func(e *sdk.Event) *string { return &e.ConversationID }
	case "error_reason":
		return func(e *sdk.Event) *string { return &e.ErrorReason }
	}
	return nil
}

// Apply implements stage.Stage. Events that ended before are redacted too: their
// notes stay in the staged log.
func (s *Stage) Apply(_ context.Context, b *stage.Batch) error {
	for i := range b.Items {
		it := &b.Items[i]
		f := s.finder(it.Event)
		s.texts(f, it.Event)
		if it.Outcome == 0 { // a note has no payload
			s.rewritePayload(f, it.Event)
		}
	}
	return nil
}

// texts redacts everything but the payload.
func (s *Stage) texts(f *finder, e *sdk.Event) {
	named := map[*string]bool{}
	for _, r := range s.fields {
		p := r.text(e)
		*p, named[p] = s.at(f, r.action, *p), true
	}
	for _, p := range [...]*string{
		&e.MessageID, &e.ConversationID, &e.CustomerID, &e.CampaignID, &e.Account, &e.ProviderStatus, &e.StatusCode,
		&e.ErrorReason, &e.Recipient, &e.Sender,
	} {
		if !named[p] {
			*p, _ = f.text(*p, false)
		}
	}
	s.rewriteAttributes(f, e)
}

func (s *Stage) rewritePayload(f *finder, e *sdk.Event) {
	if s.dropPayload {
		e.SourcePayload = nil
		return
	}
	out, ok := s.payload(f, e.SourcePayload)
	if !ok {
		e.Attributes.Set(sdk.AttrPayloadRemoved, "unreadable")
	}
	e.SourcePayload = out
}

// finder collects the values of an event that are redacted.
func (s *Stage) finder(e *sdk.Event) *finder {
	f := &finder{}
	for _, r := range s.fields {
		f.add(s, r.action, *r.text(e), true)
	}
	for _, r := range s.attributes {
		if v, ok := e.Attributes.Get(r.name); ok {
			f.add(s, r.action, v, false)
		}
	}
	if !s.dropPayload {
		s.values(e.SourcePayload, func(action, value string) { f.add(s, action, value, false) })
	}
	f.seal()
	return f
}

// at is what takes the place of a value that a rule names. What a mask keeps of it
// may hold another redacted value.
func (s *Stage) at(f *finder, action, value string) string {
	out := s.replacement(action, value)
	if action == config.Mask {
		out, _ = f.text(out, false)
	}
	return out
}

// rewriteAttributes makes a list of its own: the event's may share its memory.
func (s *Stage) rewriteAttributes(f *finder, e *sdk.Event) {
	if len(e.Attributes) == 0 {
		return
	}
	out := make(sdk.Attributes, 0, len(e.Attributes))
	for _, a := range e.Attributes {
		action := ""
		for _, r := range s.attributes {
			if r.name == a.Name {
				action = r.action
			}
		}
		if action == config.Drop {
			continue
		}
		name, _ := f.name(a.Name)
		if action != "" {
			out.Set(name, s.at(f, action, a.Value))
			continue
		}
		value, _ := f.text(a.Value, true)
		out.Set(name, value)
	}
	e.Attributes = out
}
