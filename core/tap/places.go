package tap

import (
	"fmt"
	"slices"
	"strings"

	"github.com/patchbay-io/patchbay/core/diag"
)

// Place is where events can be watched.
type Place struct {
	Name string // pipeline.messaging:enrich.crm
	// Stage says that it is one: events pass it on their way in, too.
	Stage bool
}

// Declare says which stages a pipeline has, in place of what was said before.
func (h *Hub) Declare(pipeline string, stages []string) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stages == nil {
		h.stages = map[string][]string{}
	}
	h.stages[pipeline] = slices.Clone(stages)
}

// Stages are those that a pipeline was last declared with; false means that it
// never was.
func (h *Hub) Stages(pipeline string) (stages []string, declared bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	stages, declared = h.stages[pipeline]
	return stages, declared
}

// Find refuses patterns that match none of the places there are.
func (s *Spec) Find(places []Place) error {
	var all, stages []string
	for _, p := range places {
		all = append(all, p.Name)
		if p.Stage {
			stages = append(stages, p.Name)
		}
	}
	for _, p := range s.Out {
		if !matchesAny(p, all) {
			return fmt.Errorf("tap: no place matches %q%s", p, remedy(p, "places", all))
		}
	}
	for _, p := range s.In {
		switch {
		case matchesAny(p, stages):
		case matchesAny(p, all):
			return fmt.Errorf("tap: events are not watched on their way into %q, which is no stage%s", p, remedy("", "stages", stages))
		default:
			return fmt.Errorf("tap: no stage matches %q%s", p, remedy(p, "stages", stages))
		}
	}
	return nil
}

func matchesAny(pattern string, places []string) bool {
	return slices.ContainsFunc(places, func(p string) bool { return Match(pattern, p) })
}

// maxListed is how many places an error lists.
const maxListed = 40

// remedy says what could have been meant, and what there is.
func remedy(pattern, what string, places []string) string {
	if len(places) == 0 {
		return "; there are no " + what
	}
	meant, more := ";", ""
	if s := suggest(pattern, places); s != "" {
		meant = fmt.Sprintf("; did you mean %q?", s)
	}
	if n := len(places) - maxListed; n > 0 {
		places, more = places[:maxListed], fmt.Sprintf(" and %d more", n)
	}
	return meant + " the " + what + " are " + strings.Join(places, ", ") + more
}

// suggest finds what was meant by a pattern that matches nothing: a name without
// what stands before it, or one with a letter or two wrong.
func suggest(pattern string, places []string) string {
	if pattern == "" {
		return ""
	}
	for _, before := range []string{"pipeline.", "sink.", "*."} {
		if matchesAny(before+pattern, places) {
			return before + pattern
		}
	}
	var left, right []string
	for _, p := range places {
		before, after, _ := strings.Cut(p, ":")
		left, right = append(left, before), append(right, after)
	}
	before, after, both := strings.Cut(pattern, ":")
	if !both {
		return diag.Suggest(pattern, slices.Concat(left, right))
	}
	if s := diag.Suggest(before, left) + ":" + after; matchesAny(s, places) {
		return s
	}
	if s := before + ":" + diag.Suggest(after, right); matchesAny(s, places) {
		return s
	}
	return diag.Suggest(pattern, places)
}
