package tap

import (
	"fmt"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	t.Parallel()
	places := []Place{
		{"pipeline.messaging:parsed", false}, {enrich, true}, {staged, false}, {"pipeline.messaging:ended", false},
		{"sink.kafka.stream:delivered", false},
	}
	const all = "the places are pipeline.messaging:parsed, pipeline.messaging:enrich.crm, pipeline.messaging:staged, " +
		"pipeline.messaging:ended, sink.kafka.stream:delivered"
	out := func(p ...string) Spec { return Spec{Out: p} }
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{Spec{}, ""}, {out("*", "staged", "enrich.*", staged, "sink.*", "pipeline.m*:*"), ""}, {Spec{In: []string{"enrich.crm", "*"}}, ""},
		{out("staged", "pipeline.other:*"), `tap: no place matches "pipeline.other:*"; ` + all},
		{out("pipeline.mesaging:staged"), `; did you mean "pipeline.messaging:staged"? ` + all},
		{out("pipeline.mesaging:*"), `; did you mean "pipeline.messaging:*"? `},
		{out("pipeline.*:enriched.crm"), `; did you mean "pipeline.*:enrich.crm"? `},
		{out("pipelin.messaging:stagd"), `; did you mean "pipeline.messaging:staged"? `},
		{out("pipeline.mesaging"), `; did you mean "pipeline.messaging"? `},
		{out("stagged"), `; did you mean "staged"? `},
		{out("messaging"), `; did you mean "pipeline.messaging"? `},
		{out("kafka.stream:delivered"), `; did you mean "sink.kafka.stream:delivered"? `},
		{out("crm"), `; did you mean "*.crm"? `},
		{Spec{In: []string{"enrich.crn"}}, `tap: no stage matches "enrich.crn"; did you mean "enrich.crm"? the stages are ` + enrich},
		{Spec{In: []string{"staged"}}, `tap: events are not watched on their way into "staged", which is no stage; the stages are ` + enrich},
	} {
		err := c.spec.Find(places)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: got %v, want %q", c.spec, err, c.want)
		}
	}
}

// What an error lists is bounded, and it says so.
func TestFindLists(t *testing.T) {
	t.Parallel()
	spec := Spec{Out: []string{"nowhere"}}
	if err := spec.Find(nil); err == nil || !strings.HasSuffix(err.Error(), "; there are no places") {
		t.Errorf("no places: got %v", err)
	}
	var places []Place
	for i := range maxListed + 3 {
		places = append(places, Place{Name: fmt.Sprintf("pipeline.p%d:parsed", i)})
	}
	if err := spec.Find(places); err == nil || !strings.HasSuffix(err.Error(), "pipeline.p39:parsed and 3 more") {
		t.Errorf("many places: got %v", err)
	}
}

func TestDeclare(t *testing.T) {
	t.Parallel()
	(*Hub)(nil).Declare("messaging", nil)
	var h Hub
	if _, declared := h.Stages("messaging"); declared {
		t.Error("got stages before they were declared")
	}
	stages := []string{"dedup"}
	h.Declare("messaging", stages)
	stages[0] = "changed"
	h.Declare("none", nil)
	got, declared := h.Stages("messaging")
	if fmt.Sprint(got) != "[dedup]" || !declared {
		t.Errorf("got %v, %t, want dedup", got, declared)
	}
	if _, declared := h.Stages("none"); !declared {
		t.Error("a pipeline without stages was declared, too")
	}
}
