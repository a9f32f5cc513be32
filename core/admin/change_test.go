package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/plan"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// fakeChanger is a core whose changes end as the test says.
type fakeChanger struct {
	*fakeCore
	id      string
	discard []string
	err     error
}

func (c *fakeChanger) Plan(context.Context) (*Planned, error) {
	return &Planned{Plan: &plan.Plan{ID: "0123456789", Changes: []plan.Change{}}}, c.err
}

func (c *fakeChanger) Apply(_ context.Context, id string, discard []string) (*Applied, error) {
	c.id, c.discard = id, discard
	f := NewFindings(diag.List{{Code: diag.Syntax, Summary: "a mistake"}, {Code: diag.Unused, Severity: diag.Warning, Summary: "a doubt"}}, nil)
	return &Applied{Generation: 7, Findings: f}, c.err
}

func (c *fakeChanger) Reload(ctx context.Context) (*Applied, error) { return c.Apply(ctx, "", nil) }

// Every end of a change has a code of its own, and tells what is wrong with the
// configuration; all of it needs the token.
func TestChanges(t *testing.T) {
	core, _, log := setup(t)
	c := &fakeChanger{fakeCore: core}
	s := New(c, prometheus.NewRegistry(), zerolog.New(log), token)
	post := func(path, token string) (int, string) {
		req := httptest.NewRequest(http.MethodPost, "http://127.0.0.1"+path, nil)
		req.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, req)
		return w.Code, w.Body.String()
	}
	for _, tc := range []struct {
		err  error
		want int
		code string
	}{
		{nil, 200, `"ok":true`},
		{fmt.Errorf("x: %w", ErrInvalid), 422, "invalid_configuration"},
		{ErrStale, 409, "stale_plan"},
		{errors.Join(ErrNotApplied, errors.New("y")), 409, "not_applied"},
		{ErrDiscard, 409, `"invalid"`},
		{ErrUnderWay, 504, "under_way"},
		{errors.New("a secret reason"), 500, "internal"},
	} {
		c.err = tc.err
		for _, path := range []string{"apply?id=abc&discard=sink.a.b&discard=sink.c.d", "reload"} {
			got, body := post("/api/v1/config/"+path, token)
			if got != tc.want || !strings.Contains(body, tc.code) || strings.Contains(body, "secret reason") {
				t.Errorf("%s after %v: got %d %s, want %d and %s", path, tc.err, got, body, tc.want, tc.code)
			}
			if tc.want != 500 && (!strings.Contains(body, `"generation":7`) || !strings.Contains(body, "a mistake")) {
				t.Errorf("%s after %v: got %s, want the findings too", path, tc.err, body)
			}
			if path != "reload" && (c.id != "abc" || len(c.discard) != 2) {
				t.Errorf("%s: got id %q and queues %q", path, c.id, c.discard)
			}
			if got, _ := post("/api/v1/config/"+path, "wrong"); got != http.StatusUnauthorized {
				t.Errorf("%s without the token: got %d, want 401", path, got)
			}
		}
	}
	c.err = nil
	if got, body := post("/api/v1/config/plan", token); got != 200 || !strings.Contains(body, "0123456789") {
		t.Errorf("plan: got %d %s", got, body)
	}
	f := NewFindings(diag.List{{Code: diag.Syntax, Summary: "a mistake"}, {Code: diag.Unused, Severity: diag.Warning, Summary: "a doubt"}}, nil)
	if f.Errors != 1 || f.Warnings != 1 || len(f.Problems) != 1 {
		t.Errorf("findings: got %+v, want one error and one warning", f)
	}
}

// A core whose configuration cannot be changed has no such pages.
func TestNoChanges(t *testing.T) {
	_, s, _ := setup(t)
	req := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/api/v1/config/plan", nil)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, req)
	if w.Code != http.StatusNotFound {
		t.Errorf("got %d, want 404", w.Code)
	}
}
