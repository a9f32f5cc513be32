package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/plan"
)

// Changer is implemented by a Core whose configuration can be changed while it
// runs.
type Changer interface {
	// Plan says what applying the configuration, as it is in its files now,
	// would change.
	Plan(ctx context.Context) (*Planned, error)
	// Apply does it, if the plan is still the one of that id; an empty id is any.
	// discard names removed readers whose queues are given up. With an error that
	// the configuration is to blame for, Applied tells what is wrong.
	Apply(ctx context.Context, id string, discard []string) (*Applied, error)
	// Reload is Apply of whatever the files say.
	Reload(ctx context.Context) (*Applied, error)
}

// Why a configuration is not put to work.
var (
	ErrInvalid    = errors.New("the configuration has errors; the last good one goes on")
	ErrStale      = errors.New("the plan is not the one that was shown: the files, or what runs, changed since; plan again")
	ErrNotApplied = errors.New("the configuration could not be put to work; the last good one goes on")
	ErrDiscard    = errors.New("wrong queue")
	ErrUnderWay   = errors.New("the change takes long and goes on; patchbay status says how it ends")
)

// Findings are what is wrong with a configuration, or could be better.
type Findings struct {
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	// Diagnostics are for programs, Text for people, snippets included.
	Diagnostics json.RawMessage `json:"diagnostics,omitempty"`
	Text        string          `json:"text,omitempty"`
	// Problems are the errors, a line each, with their places. They stay here.
	Problems []string `json:"-"`
}

// NewFindings renders diagnostics. files are for the snippets.
func NewFindings(l diag.List, files map[string][]byte) Findings {
	var f Findings
	if len(l) == 0 {
		return f
	}
	f.Errors, f.Warnings = l.Count()
	f.Text = l.Text(files)
	for i := range l {
		if l[i].Severity == diag.Error {
			f.Problems = append(f.Problems, l[i].Error())
		}
	}
	var b bytes.Buffer
	var frame struct{ Diagnostics json.RawMessage }
	if l.WriteJSON(&b, files) == nil && json.Unmarshal(b.Bytes(), &frame) == nil {
		f.Diagnostics = frame.Diagnostics // a buffer does not fail, and diag writes JSON
	}
	return f
}

// Planned is the answer to a question for a plan. Plan is nil if there are
// errors.
type Planned struct {
	Plan *plan.Plan `json:"plan,omitempty"`
	Findings
}

// Applied is what came of a change.
type Applied struct {
	Plan       *plan.Plan `json:"plan,omitempty"`
	Generation int        `json:"generation"`
	Notes      []string   `json:"notes,omitempty"`
	// Queues still wait for readers that are not configured.
	Queues []plan.Queue `json:"queues,omitempty"`
	TookMS int64        `json:"took_ms"`
	Findings
}

// ConfigStatus is where the configuration of a core stands.
type ConfigStatus struct {
	// Generation counts the configurations that were at work, from 1.
	Generation int       `json:"generation"`
	LoadedAt   time.Time `json:"loaded_at"`
	Reloads    int       `json:"reloads"`  // that were carried out
	Failures   int       `json:"failures"` // that were not
	LastReload time.Time `json:"last_reload,omitzero"`
	// LastError is why the last reload was not carried out, empty if it was;
	// LastProblems are the mistakes in the files, with their places.
	LastError    string   `json:"last_error,omitempty"`
	LastProblems []string `json:"last_problems,omitempty"`
	// NeedsRestart are the arguments that differ in the files and cannot change
	// while patchbay runs.
	NeedsRestart []string `json:"needs_restart,omitempty"`
	// Queues wait for readers that are not configured.
	Queues []plan.Queue `json:"queues,omitempty"`
}

// changes adds what a Changer can do.
func (s *Server) changes(handle func(string, bool, func(*http.Request) (any, error)), c Changer) {
	handle("POST /api/v1/config/plan", false, func(r *http.Request) (any, error) { return c.Plan(r.Context()) })
	handle("POST /api/v1/config/apply", false, func(r *http.Request) (any, error) {
		q := read(r)
		if q.err != nil {
			return nil, q.err
		}
		out, err := c.Apply(r.Context(), q.text("id"), q.values["discard"])
		s.log.Info().Bool("done", err == nil).Strs("discard", q.values["discard"]).Msg("configuration change asked for")
		return out, err
	})
	handle("POST /api/v1/config/reload", false, func(r *http.Request) (any, error) { return c.Reload(r.Context()) })
}

// changeFailure answers with why a change was not made; false is another kind of
// error.
func changeFailure(w http.ResponseWriter, data any, err error) bool {
	code, status := "", http.StatusConflict
	switch {
	case errors.Is(err, ErrInvalid):
		code, status = "invalid_configuration", http.StatusUnprocessableEntity
	case errors.Is(err, ErrStale):
		code = "stale_plan"
	case errors.Is(err, ErrNotApplied):
		code = "not_applied"
	case errors.Is(err, ErrDiscard):
		code = "invalid"
	case errors.Is(err, ErrUnderWay):
		code, status = "under_way", http.StatusGatewayTimeout
	default:
		return false
	}
	write(w, status, Envelope{Data: marshal(data), Error: &Error{Code: code, Message: err.Error()}})
	return true
}
