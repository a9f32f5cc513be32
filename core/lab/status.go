package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Status is the part of the core's answer to /api/v1/status that a lab looks at.
type Status struct {
	Data struct {
		Receiver string `json:"receiver"`
		Lanes    []struct {
			Backlog uint64 `json:"backlog"`
		} `json:"lanes"`
		Sinks []struct {
			Dispatch []struct {
				Backlog uint64 `json:"backlog"`
			} `json:"dispatch"`
		} `json:"sinks"`
	} `json:"data"`
}

// Waiting is what is stored but not in every sink yet, in requests and entries.
func (s *Status) Waiting() uint64 {
	var n uint64
	for _, l := range s.Data.Lanes {
		n += l.Backlog
	}
	for _, k := range s.Data.Sinks {
		for _, d := range k.Dispatch {
			n += d.Backlog
		}
	}
	return n
}

// Account is the core's ledger, as it answers /api/v1/account.
type Account struct {
	Balanced  bool              `json:"balanced"`
	Sources   []SourceAccount   `json:"sources"`
	Lanes     []LaneAccount     `json:"lanes"`
	Pipelines []PipelineAccount `json:"pipelines"`
	Sinks     []SinkAccount     `json:"sinks"`
}

// SourceAccount counts a source's requests.
type SourceAccount struct {
	Source  string `json:"source"`
	Stored  int64  `json:"stored"`
	Refused int64  `json:"refused"`
	Problem string `json:"problem"`
}

// LaneAccount counts what became of a source's requests in a pipeline.
type LaneAccount struct {
	Backlog      int64  `json:"backlog"`
	Staged       int64  `json:"staged"`
	Duplicate    int64  `json:"duplicate"`
	Filtered     int64  `json:"filtered"`
	Ignored      int64  `json:"ignored"`
	DeadLettered int64  `json:"dead_lettered"`
	Problem      string `json:"problem"`
}

// PipelineAccount says whether a pipeline's entries add up.
type PipelineAccount struct {
	Problem string `json:"problem"`
}

// SinkAccount counts what became of a pipeline's events in a sink.
type SinkAccount struct {
	Sink          string `json:"sink"`
	Addressed     int64  `json:"addressed"`
	Delivered     int64  `json:"delivered"`
	DeadLettered  int64  `json:"dead_lettered"`
	Waiting       int64  `json:"waiting"`
	PossiblyTwice int64  `json:"possibly_twice"`
	Problem       string `json:"problem"`
}

// Totals are an account's sums over all sources, lanes and sinks.
type Totals struct {
	Stored, Refused                                                int64 // requests
	Backlog, Staged, Duplicate, Filtered, Ignored, DeadLettered    int64 // lanes
	Addressed, Delivered, SinkDeadLettered, Waiting, PossiblyTwice int64 // sinks
}

// Totals sums the account up.
func (a *Account) Totals() Totals {
	var t Totals
	for _, s := range a.Sources {
		t.Stored += s.Stored
		t.Refused += s.Refused
	}
	for _, l := range a.Lanes {
		t.Backlog += l.Backlog
		t.Staged += l.Staged
		t.Duplicate += l.Duplicate
		t.Filtered += l.Filtered
		t.Ignored += l.Ignored
		t.DeadLettered += l.DeadLettered
	}
	for _, s := range a.Sinks {
		t.Addressed += s.Addressed
		t.Delivered += s.Delivered
		t.SinkDeadLettered += s.DeadLettered
		t.Waiting += s.Waiting
		t.PossiblyTwice += s.PossiblyTwice
	}
	return t
}

// Problems are the equations that the core says do not hold.
func (a *Account) Problems() []string {
	var out []string
	add := func(p string) {
		if p != "" {
			out = append(out, p)
		}
	}
	for _, s := range a.Sources {
		add(s.Problem)
	}
	for _, l := range a.Lanes {
		add(l.Problem)
	}
	for _, p := range a.Pipelines {
		add(p.Problem)
	}
	for _, s := range a.Sinks {
		add(s.Problem)
	}
	return out
}

// Status asks the core where it stands.
func (c *Core) Status(ctx context.Context) (*Status, error) {
	body, err := get(ctx, "http://"+c.Admin+"/api/v1/status")
	if err != nil {
		return nil, err
	}
	s := new(Status)
	if err := json.Unmarshal(body, s); err != nil {
		return nil, fmt.Errorf("lab: status: %w", err)
	}
	return s, nil
}

// Account asks the core for its ledger.
func (c *Core) Account(ctx context.Context) (*Account, error) {
	body, err := get(ctx, "http://"+c.Admin+"/api/v1/account")
	if err != nil {
		return nil, err
	}
	var a struct {
		OK   bool    `json:"ok"`
		Data Account `json:"data"`
	}
	if err := json.Unmarshal(body, &a); err != nil || !a.OK {
		return nil, fmt.Errorf("lab: account: %.200q: %w", body, err)
	}
	return &a.Data, nil
}

// Settle waits until nothing waits any more and done says that the account is
// what the caller waits for, and returns it. At ctx's end it returns the last
// account with the error.
func (c *Core) Settle(ctx context.Context, done func(Totals) bool) (*Account, error) {
	t := time.NewTicker(50 * time.Millisecond)
	defer t.Stop()
	for {
		a, err := c.Account(ctx)
		if err == nil {
			if s := a.Totals(); s.Backlog == 0 && s.Waiting == 0 && done(s) {
				return a, nil
			}
		}
		select {
		case <-t.C:
		case <-c.done:
			return a, fmt.Errorf("lab: patchbay ended: %w\n%s", c.err, c.log)
		case <-ctx.Done():
			return a, fmt.Errorf("lab: not settled: %w", ctx.Err())
		}
	}
}
