package config

import (
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/patchbay-io/patchbay/core/diag"
)

// OnFailure says how long an event is tried at each of a pipeline's sinks before
// it becomes a dead letter there.
type OnFailure struct {
	Attempts int           // zero means as often as it takes
	MaxAge   time.Duration // since the event was staged; zero means for ever
	Range    hcl.Range
}

// leastMaxAge keeps a short hiccup of a sink from making dead letters of all
// that came meanwhile.
const leastMaxAge = time.Minute

// maxAttempts bounds attempts: more would take years.
const maxAttempts = 1_000_000

func (l *loader) onFailure(outer *body) *OnFailure {
	var out *OnFailure
	for i, block := range outer.takeBlocks("on_failure") {
		b := l.body(block, outer.context+", on_failure")
		if i > 0 {
			outer.report(diag.DuplicateName, block.DefRange(), "duplicate block on_failure", "A pipeline has one of it.")
			continue
		}
		if len(block.Labels) > 0 {
			b.report(diag.WrongLabels, block.LabelRanges[0], "on_failure has no label", "Write on_failure { ... }.")
		}
		out = &OnFailure{Range: block.DefRange()}
		out.Attempts = int(b.bounded("attempts", b.count("attempts", 0, 1), maxAttempts))
		out.MaxAge = b.duration("max_age", 0)
		if out.MaxAge > 0 && out.MaxAge < leastMaxAge {
			b.report(diag.OutOfRange, b.syn.Attributes["max_age"].Expr.Range(), `"max_age" is too short`, "At least 1m: what comes while a sink is away would be given up at once.")
		}
		if len(block.Body.Attributes) == 0 {
			b.report(diag.MissingArgument, b.header, "on_failure says nothing", `Write attempts = 8, max_age = "72h", or both.`)
		}
		b.done()
	}
	return out
}
