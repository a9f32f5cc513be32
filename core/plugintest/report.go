package plugintest

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/patchbay-io/patchbay/sdk/sdktest/suite"
)

// The results of a check.
const (
	Passed  = "passed"
	Failed  = "failed"
	Skipped = "skipped"
)

// Check is what one check found.
type Check struct {
	// Subject is what was checked: "protocol", or a type, e.g. "source acme".
	Subject string `json:"subject"`
	Name    string `json:"check"`
	Result  string `json:"result"`
	// Findings say what was found and what was expected.
	Findings []string `json:"findings,omitempty"`
	Notes    []string `json:"notes,omitempty"`
	Millis   int64    `json:"ms"`
}

// Report is what all checks found.
type Report struct {
	Path    string  `json:"path"`
	Plugin  string  `json:"plugin,omitempty"`
	Version string  `json:"version,omitempty"`
	SDK     string  `json:"sdk,omitempty"`
	Checks  []Check `json:"checks"`
	Passed  int     `json:"passed"`
	Failed  int     `json:"failed"`
	Skipped int     `json:"skipped"`
}

// collector makes a Report. Each is called with every check that ends.
type collector struct {
	now    func() time.Time
	each   func(Check)
	mu     sync.Mutex
	report Report
}

func (c *collector) add(k Check) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Checks = append(c.report.Checks, k)
	switch k.Result {
	case Passed:
		c.report.Passed++
	case Failed:
		c.report.Failed++
	case Skipped:
		c.report.Skipped++
	}
	c.each(k)
}

// reporter is the suite.Reporter of one check.
type reporter struct {
	collector *collector
	subject   string
	path      string

	mu       sync.Mutex
	findings []string
	notes    []string
	skipped  bool
	parts    int // checks within this one
	failed   bool
}

var _ suite.Reporter = (*reporter)(nil)

func (c *collector) subject(name string) *reporter { return &reporter{collector: c, subject: name} }

func (r *reporter) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.findings = append(r.findings, fmt.Sprintf(format, args...))
}

func (r *reporter) Logf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

func (r *reporter) Skipf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.skipped = true
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// Run makes one check. A check that consists of others is a line of its own only
// if it found something itself.
func (r *reporter) Run(name string, check func(suite.Reporter)) bool {
	sub := &reporter{collector: r.collector, subject: r.subject, path: strings.TrimPrefix(r.path+"/"+name, "/")}
	began := r.collector.now()
	check(sub)
	sub.mu.Lock()
	k := Check{Subject: sub.subject, Name: sub.path, Result: Passed, Findings: sub.findings, Notes: sub.notes, Millis: r.collector.now().Sub(began).Milliseconds()}
	failed := sub.failed || len(sub.findings) > 0
	switch {
	case len(sub.findings) > 0:
		k.Result = Failed
	case sub.skipped:
		k.Result = Skipped
	}
	alone := sub.parts == 0 || k.Result != Passed
	sub.mu.Unlock()
	r.mu.Lock()
	r.parts++
	r.failed = r.failed || failed
	r.mu.Unlock()
	if alone {
		r.collector.add(k)
	}
	return !failed
}
