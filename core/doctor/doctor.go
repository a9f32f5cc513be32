// Package doctor looks at the machine on which a configuration is to run, or
// runs: its disk, its limits, its clock, its ports. It says of each what it
// found and, where that isn't well, what to do.
//
// It works offline: nothing beyond this machine is asked. Beside a running core
// it only looks. What it writes is one small file, where the journal is or would
// be, and it removes that again.
//
// It does not look at the configuration itself: that is what validate does.
package doctor

import (
	"context"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
)

// Status is how a check came out.
type Status string

// The statuses.
const (
	Pass Status = "pass"
	Warn Status = "warn" // it works, and something will hurt
	Fail Status = "fail" // it can't work
)

// Check is one thing that was looked at.
type Check struct {
	Group  string `json:"group"`
	Name   string `json:"name"`
	Status Status `json:"status"`
	Detail string `json:"detail"` // what was found
	Remedy string `json:"remedy,omitempty"`
}

// Options say what to look at.
type Options struct {
	Config *config.Config
	// Running says that a core answers for the data directory.
	Running bool
	Now     func() time.Time
}

// The groups of checks.
const (
	GroupStorage = "storage"
	GroupMachine = "machine"
	GroupNetwork = "network"
)

// Examine makes all checks.
func Examine(ctx context.Context, o Options) []Check {
	e := &examination{o: o}
	e.storage(ctx)
	e.machine()
	e.network()
	return e.out
}

type examination struct {
	o     Options
	group string
	out   []Check
}

func (e *examination) add(name string, status Status, detail, remedy string) {
	if status == Pass {
		remedy = ""
	}
	e.out = append(e.out, Check{e.group, name, status, detail, remedy})
}

// Count returns how many checks have a status.
func Count(all []Check, s Status) int {
	n := 0
	for _, c := range all {
		if c.Status == s {
			n++
		}
	}
	return n
}
