package suite

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a Reporter that remembers what it was told.
type recorder struct {
	mu     *sync.Mutex
	path   string
	errors *[]string
}

func newRecorder() recorder { return recorder{mu: new(sync.Mutex), errors: new([]string)} }

func (r recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*r.errors = append(*r.errors, r.path+": "+fmt.Sprintf(format, args...))
}

func (r recorder) Logf(string, ...any) {}

// Skipf counts as a finding: no good plugin of these tests has a check skipped.
func (r recorder) Skipf(format string, args ...any) { r.Errorf("skipped: "+format, args...) }

func (r recorder) Run(name string, check func(Reporter)) bool {
	before := len(*r.errors)
	sub := r
	sub.path = strings.TrimPrefix(r.path+"/"+name, "/")
	check(sub)
	return len(*r.errors) == before
}

// wantError fails unless a check whose name starts with path found something
// that contains text.
func (r recorder) wantError(t *testing.T, path, text string) {
	t.Helper()
	for _, e := range *r.errors {
		if strings.HasPrefix(e, path) && strings.Contains(e, text) {
			return
		}
	}
	t.Errorf("no finding of %q contains %q; got:\n%s", path, text, strings.Join(*r.errors, "\n"))
}

// wantNone fails if a good plugin was found to be at fault.
func (r recorder) wantNone(t *testing.T) {
	t.Helper()
	for _, e := range *r.errors {
		t.Errorf("a good plugin: %s", e)
	}
}
