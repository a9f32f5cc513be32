package lint

import (
	"fmt"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/expr"
)

// redaction looks for stages after redact that need what it takes away, or that
// put back what it took.
func (l *linter) redaction(p *config.Pipeline) {
	gone := map[string]string{} // what was done to a field
	for i := range p.Stages {
		s := &p.Stages[i]
		if s.Redact != nil {
			for _, r := range s.Redact.Rules {
				if field := redacted(&r); field != "" {
					gone[field] = r.Action
				}
			}
			continue
		}
		l.readsRedacted(p, s, gone)
		l.setsRedacted(p, s, gone)
	}
}

// redacted is what a rule redacts, as uses name it; empty for a part of the
// payload, because uses don't tell parts apart.
func redacted(r *config.Redaction) string {
	switch {
	case r.Field != "":
		return r.Field
	case r.Attribute != "":
		return expr.AttributePrefix + r.Attribute
	case r.Payload:
		return "payload"
	}
	return ""
}

func (l *linter) readsRedacted(p *config.Pipeline, s *config.Stage, gone map[string]string) {
	if action := gone["error_reason"]; s.Kind == config.KindNormalize && action != "" {
		l.warn(diag.AfterRedaction, s.Range, context(p, s), "normalize reads error_reason, which is redacted by then",
			fmt.Sprintf("Stages run in the order written, and redact (%s) comes first. Put normalize before redact.", action))
	}
	for _, u := range uses(s) {
		if action := gone[u.Field]; action != "" {
			l.warn(diag.AfterRedaction, u.Range, context(p, s), fmt.Sprintf("event.%s is redacted by then", u.Field),
				fmt.Sprintf("Stages run in the order written, and redact (%s) comes first. Put this stage before redact.", action))
		}
	}
}

func (l *linter) setsRedacted(p *config.Pipeline, s *config.Stage, gone map[string]string) {
	var sets []config.Assignment
	switch {
	case s.Enrich != nil:
		sets = s.Enrich.Set
	case s.Set != nil:
		sets = s.Set.Set
	}
	for _, a := range sets {
		if gone[target(a)] != "" {
			l.warn(diag.AfterRedaction, a.Range, context(p, s), fmt.Sprintf("event.%s is set after it was redacted", target(a)),
				"What is set here reaches the sinks as it is. Put this stage before redact.")
		}
	}
}
