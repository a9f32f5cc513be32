package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/patchbay-io/patchbay/core/dispatch"
	"github.com/patchbay-io/patchbay/core/inspect"
	"github.com/patchbay-io/patchbay/core/pipeline"
	"github.com/patchbay-io/patchbay/core/tap"
)

// TapLine is one line of a tap's answer: an event, or how much was shown.
type TapLine struct {
	Event  *TapEvent  `json:"event,omitempty"`
	Counts *TapCounts `json:"counts,omitempty"`
}

// TapEvent is an event that passes a place.
type TapEvent struct {
	At    time.Time `json:"at"`
	Place string    `json:"place"`
	// Direction is in or out.
	Direction string   `json:"direction"`
	Outcome   string   `json:"outcome,omitempty"` // empty while the event is under way
	Detail    string   `json:"detail,omitempty"`
	Sinks     []string `json:"sinks,omitempty"`
	// Event is what the event is at that place; personal data is masked.
	Event inspect.Facts `json:"event"`
}

// TapCounts say how many events passed the places, and how many of them are not
// shown although they may have been asked for.
type TapCounts struct {
	Passed   uint64 `json:"passed"`
	NotShown uint64 `json:"not_shown"`
}

const (
	tapHeartbeat = time.Second      // between counts, which also find out that the client is gone
	tapPatience  = 10 * time.Second // with a client that does not read
	tapBurst     = 100              // lines written before they are sent
)

// tap answers with a line for each event that passes, until the client goes.
func (s *Server) tap(w http.ResponseWriter, r *http.Request) {
	t, err := s.openTap(r)
	if err != nil {
		s.failure(w, r, err)
		return
	}
	defer t.Close()
	out := &lines{enc: json.NewEncoder(w), rc: http.NewResponseController(w), now: s.now}
	// The limits of other requests would end this one.
	if err := out.rc.SetReadDeadline(time.Time{}); err != nil {
		s.failure(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	out.counts(t)
	tick := time.NewTicker(tapHeartbeat)
	defer tick.Stop()
	for out.err == nil {
		select {
		case x := <-t.Samples():
			out.burst(x, t)
		case <-tick.C:
			out.counts(t)
		case <-s.ending:
			out.counts(t)
			return
		case <-r.Context().Done():
			return
		}
	}
}

// errTaps is a tap too many.
var errTaps = errors.New("as many are watching as can")

func (s *Server) openTap(r *http.Request) (*tap.Tap, error) {
	q := read(r)
	spec := tap.Spec{In: q.values["in"], Out: q.values["out"]}
	if text := q.text("where"); text != "" {
		where, ds := inspect.CompileWhere(text)
		if ds.HasErrors() {
			q.wrong("where", "a condition: "+ds[0].Summary)
		}
		spec.Where = where
	}
	if q.err != nil {
		return nil, q.err
	}
	if err := spec.Check(); err != nil {
		return nil, fmt.Errorf("%w: %w", errInvalid, err)
	}
	if places, known := s.places(); known {
		if err := spec.Find(places); err != nil {
			return nil, fmt.Errorf("%w: %w", errInvalid, err)
		}
	}
	t, err := s.core.Tap().Open(spec)
	if errors.Is(err, tap.ErrTooMany) {
		return nil, fmt.Errorf("%w: %d", errTaps, tap.MaxTaps)
	}
	return t, err
}

// places are where events can be watched. They are not known before every
// pipeline has begun to work.
func (s *Server) places() (out []tap.Place, known bool) {
	st := s.core.Status()
	seen := map[string]bool{}
	for _, l := range st.Lanes {
		if seen[l.Pipeline] {
			continue
		}
		seen[l.Pipeline] = true
		stages, declared := s.core.Tap().Stages(l.Pipeline)
		if !declared {
			return nil, false
		}
		out = append(out, pipeline.Places(l.Pipeline, stages)...)
	}
	for _, k := range st.Sinks {
		if len(k.Dispatch) > 0 {
			out = append(out, dispatch.Places(k.Address)...)
		}
	}
	return out, true
}

// lines writes an answer line by line. It keeps the first error.
type lines struct {
	enc *json.Encoder
	rc  *http.ResponseController
	now func() time.Time
	err error
}

func (l *lines) write(x TapLine) {
	if l.err != nil {
		return
	}
	if l.err = l.rc.SetWriteDeadline(l.now().Add(tapPatience)); l.err == nil {
		l.err = l.enc.Encode(x)
	}
}

func (l *lines) flush() {
	if l.err == nil {
		l.err = l.rc.Flush()
	}
}

func (l *lines) counts(t *tap.Tap) {
	c := t.Counts()
	l.write(TapLine{Counts: &TapCounts{c.Passed, c.NotShown}})
	l.flush()
}

// burst writes what has come, first first.
func (l *lines) burst(first tap.Sample, t *tap.Tap) {
	l.sample(first)
	for range tapBurst {
		select {
		case x := <-t.Samples():
			l.sample(x)
			continue
		default:
		}
		break
	}
	l.flush()
}

func (l *lines) sample(x tap.Sample) {
	e := TapEvent{
		At: x.At.UTC(), Place: x.Place, Direction: "out", Outcome: x.Outcome, Detail: inspect.MaskText(x.Detail), Sinks: x.Sinks,
		Event: inspect.Describe(x.Event, inspect.Options{}),
	}
	if x.In {
		e.Direction = "in"
	}
	l.write(TapLine{Event: &e})
}
