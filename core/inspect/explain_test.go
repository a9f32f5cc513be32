package inspect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	w := full(t)
	for name, c := range map[string]struct {
		id     string
		reveal bool
	}{
		"explain-message":     {"SM1", false},
		"explain-lower-case":  {"sm1", false},
		"explain-event":       {eventID(1).String(), false},
		"explain-revealed":    {phone, true},
		"explain-customer":    {"c_812", false},
		"explain-dead-sink":   {"SM2", false},
		"explain-dead-parse":  {"twilio.support/3", false},
		"explain-ignored":     {"twilio.support/2", false},
		"explain-unprocessed": {"twilio.support/6", false},
		"explain-waiting":     {"SM4", false},
	} {
		s, err := Explain(context.Background(), w.j, c.id, Options{Reveal: c.reveal})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var b bytes.Buffer
		if err := s.WriteText(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
		if !c.reveal {
			hidden(t, name, b.String())
		}
		// The JSON form carries the same: what a running core answers is rendered
		// from it.
		v, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back Story
		if err := json.Unmarshal(v, &back); err != nil {
			t.Fatal(err)
		}
		var again bytes.Buffer
		if err := back.WriteText(&again); err != nil || again.String() != b.String() {
			t.Errorf("%s: after JSON: got %v\n%s\nwant\n%s", name, err, again.String(), b.String())
		}
	}
}

// I14: what a person sees without asking for more names nobody.
func hidden(t *testing.T, name, text string) {
	t.Helper()
	for _, s := range []string{phone, email, "7700900123", "1234", "rupert"} {
		if strings.Contains(text, s) {
			t.Errorf("%s shows %q:\n%s", name, s, text)
		}
	}
}

func TestExplainNothing(t *testing.T) {
	t.Parallel()
	w := full(t)
	for _, c := range []struct{ id, want string }{
		{"SM99", `nothing is known of "SM99": searched all events kept by pipeline messaging`},
		{"", `nothing is known of ""`},
		{strings.Repeat("x", 10000), "nothing is known of"},
		{"twilio.support/7", "source twilio.support has received 7 requests, the last is twilio.support/6"},
		{"twilio.support/18446744073709551615", "has received 7 requests"},
		{"twilio.sales/1", `nothing is known of "twilio.sales/1"`},
		{"twilio.support/x", `nothing is known of`},
		{"twilio.support/-1", `nothing is known of`},
	} {
		_, err := Explain(context.Background(), w.j, c.id, Options{})
		if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40q: got %v, want %q", c.id, err, c.want)
		}
	}
	_, err := Explain(context.Background(), newWorld(t).j, "SM1", Options{})
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("empty journal: got %v, want ErrNotFound", err)
	}
}

func TestNotFound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  NotFound
		want string
	}{
		{NotFound{}, "no pipeline has had an event yet"},
		{NotFound{Pipelines: []string{"a"}}, "searched all events kept by pipeline a"},
		{NotFound{Pipelines: []string{"a", "b"}}, "searched all events kept by pipelines a, b"},
		{NotFound{Pipelines: []string{"a"}, Truncated: true}, "searched the newest events kept by pipeline a, and stopped at the limit"},
		{NotFound{Pipelines: []string{"a"}, Why: "it is too new"}, "it is too new"},
	} {
		c.err.ID = "SM1"
		if got, want := c.err.Error(), `nothing is known of "SM1": `+c.want; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestExplainBounds(t *testing.T) { // I12
	t.Parallel()
	w := full(t)
	s, err := Explain(context.Background(), w.j, "c_812", Options{MaxEvents: 2})
	if err != nil || !s.Truncated {
		t.Fatalf("MaxEvents: got truncated %t, %v, want true", s.Truncated, err)
	}
	n := 0
	for _, r := range s.Requests {
		n += len(r.Events)
	}
	if n != 2 {
		t.Errorf("got %d events, want 2", n)
	}
	if s, err = Explain(context.Background(), w.j, "c_812", Options{MaxChunks: 1}); err != nil || !s.Truncated {
		t.Errorf("MaxChunks: got truncated %t, %v, want true", s.Truncated, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Explain(ctx, w.j, "SM1", Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v, want context.Canceled", err)
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	w := full(t)
	where := func(text string) Filter {
		b, ds := CompileWhere(text)
		if ds.HasErrors() {
			t.Fatalf("%s: %s", text, ds.Text(nil))
		}
		return Filter{Where: b}
	}
	for name, c := range map[string]struct {
		f    Filter
		want string // offsets in the staged log, newest first
	}{
		"all":               {Filter{}, "6 5 4 3 2 1 0"},
		"limit":             {Filter{Limit: 3}, "6 5 4 ..."},
		"id":                {Filter{ID: "SM1"}, "1 0"},
		"recipient":         {Filter{ID: phone}, "6 5 1 0"},
		"type":              {Filter{Type: "delivered"}, "6 5 2 1 0"},
		"other type":        {Filter{Type: "opened"}, ""},
		"status":            {Filter{Status: "delivered"}, "6 5 2 1 0"},
		"channel":           {Filter{Channel: "email"}, ""},
		"source":            {Filter{Source: source}, "6 5 4 3 2 1 0"},
		"other source":      {Filter{Source: "x.y"}, ""},
		"other pipeline":    {Filter{Pipeline: "x"}, ""},
		"sink":              {Filter{Sink: events}, "6 0"},
		"outcome":           {Filter{Outcome: "duplicate"}, "1"},
		"dead letter":       {Filter{Outcome: "dead_lettered"}, "4"},
		"since":             {Filter{Since: start.Add(1)}, "6 5 4 3 2 1"},
		"until":             {Filter{Until: start.Add(1)}, "0"},
		"since, too late":   {Filter{Since: start.AddDate(1, 0, 0)}, ""},
		"where":             {where(`event.recipient == "` + email + `"`), "2"},
		"where, attributes": {where(`event.attributes.account_tier == "gold"`), "0"},
	} {
		var got []string
		truncated, err := Search(context.Background(), w.j, c.f, Options{}, func(e *Event) bool {
			got = append(got, string(rune('0'+e.Offset)))
			return true
		})
		if truncated {
			got = append(got, "...")
		}
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %q, %v, want %q", name, strings.Join(got, " "), err, c.want)
		}
	}
}

func TestSearchLines(t *testing.T) {
	t.Parallel()
	w := full(t)
	var b bytes.Buffer
	if _, err := Search(context.Background(), w.j, Filter{}, Options{}, func(e *Event) bool {
		b.WriteString(e.Line() + "\n")
		return true
	}); err != nil {
		t.Fatal(err)
	}
	golden(t, "events", b.Bytes())
	hidden(t, "events", b.String())
}

func TestSearchStops(t *testing.T) {
	t.Parallel()
	w := full(t)
	n := 0
	truncated, err := Search(context.Background(), w.j, Filter{}, Options{}, func(*Event) bool { n++; return n < 2 })
	if err != nil || !truncated || n != 2 {
		t.Errorf("got %d events, truncated %t, %v, want 2, true", n, truncated, err)
	}
	truncated, err = Search(context.Background(), w.j, Filter{}, Options{MaxChunks: 1}, func(*Event) bool { return true })
	if err != nil || !truncated {
		t.Errorf("MaxChunks: got truncated %t, %v, want true", truncated, err)
	}
}

func TestCompileWhereWrong(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "event.", `event.chanel == "sms"`, `event.channel`, `"x"`, "1 +", strings.Repeat("(", 1000)} {
		if b, ds := CompileWhere(text); b != nil || !ds.HasErrors() {
			t.Errorf("%.30q: got %v and no error", text, b)
		}
	}
}
