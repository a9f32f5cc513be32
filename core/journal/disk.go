package journal

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Shortage says why Append is refused; empty means that it is not.
type Shortage string

// The shortages.
const (
	Enough    Shortage = ""
	DiskLow   Shortage = "disk_low"   // less than Options.MinFree is free
	AtMaxDisk Shortage = "at_maximum" // the store is as large as Options.MaxDisk allows
)

// diskCheckEvery is how often the disk is looked at.
const diskCheckEvery = time.Second

// disk is what is known of the room that is left.
type disk struct {
	mu       sync.Mutex // serialises looks
	shortage atomic.Pointer[Shortage]
	size     func() uint64 // of the store, compactions under way included
}

// Full reports whether Append is refused for want of room, while delivery goes
// on. It ends by itself, at most a second after there is room again.
func (j *Journal) Full() bool { return j.Shortage() != Enough }

// Shortage is why the journal is full.
func (j *Journal) Shortage() Shortage {
	if s := j.disk.shortage.Load(); s != nil {
		return *s
	}
	return Enough
}

// watch looks after what nobody waits for, whether or not there is traffic: a
// receiver that is left alone because it is not ready must become ready again.
func (j *Journal) watch() {
	defer close(j.watched)
	t := time.NewTicker(diskCheckEvery)
	defer t.Stop()
	for {
		select {
		case <-j.unwatch:
			return
		case <-t.C:
			j.checkDisk()
			j.flushTally()
		}
	}
}

// checkDisk refreshes what Shortage reports. A file system that cannot tell its
// free space does not stop anybody.
func (j *Journal) checkDisk() {
	d := &j.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	old := j.Shortage()
	size := d.size()
	u, err := j.opts.FS.GetDiskUsage(j.opts.Dir)
	next := Enough
	switch {
	case err == nil && u.AvailBytes < resume(old == DiskLow, j.opts.MinFree, j.opts.MinFree+j.opts.MinFree/4):
		next = DiskLow
	case j.opts.MaxDisk > 0 && size >= resume(old == AtMaxDisk, acceptBelow(j.opts.MaxDisk), resumeBelow(j.opts.MaxDisk)):
		next = AtMaxDisk
	}
	if next == old {
		return
	}
	d.shortage.Store(&next)
	if next == Enough {
		j.opts.Log.Info().Uint64("store_bytes", size).Uint64("free_bytes", u.AvailBytes).Msg("there is room again: requests are accepted")
		return
	}
	j.opts.Log.Error().Str("shortage", string(next)).Uint64("store_bytes", size).Uint64("free_bytes", u.AvailBytes).
		Uint64("max_disk_bytes", j.opts.MaxDisk).Uint64("min_free_bytes", j.opts.MinFree).
		Msg("no room: no request is accepted until there is, delivery goes on")
}

// resume keeps a limit from being crossed to and fro: once it is crossed, the
// second one counts.
func resume(crossed bool, limit, second uint64) uint64 {
	if crossed {
		return second
	}
	return limit
}

// acceptBelow is the size up to which requests are accepted: the rest of MaxDisk
// is room for the events of those that were accepted, and for compaction.
func acceptBelow(maxDisk uint64) uint64 { return maxDisk - maxDisk/10 }

func resumeBelow(maxDisk uint64) uint64 { return maxDisk - maxDisk/5 }

// Tally adds n to a row of the ledger with whatever is committed next, at most a
// second later. It is for counts that nobody waits for and that no stored
// request can be held against: a crash may forget what came after the last
// commit.
func (j *Journal) Tally(r Row, n int64) {
	j.tallyMu.Lock()
	j.tally[r] += n
	j.tallyMu.Unlock()
}

// takeTally moves the tally into the group's counts.
func (g *group) takeTally() {
	g.j.tallyMu.Lock()
	defer g.j.tallyMu.Unlock()
	for r, n := range g.j.tally {
		g.deltas[r] += n
	}
	clear(g.j.tally)
}

func (j *Journal) tallied() bool {
	j.tallyMu.Lock()
	defer j.tallyMu.Unlock()
	return len(j.tally) > 0
}

// flushTally commits the tally if nothing else has.
func (j *Journal) flushTally() {
	if !j.tallied() {
		return
	}
	if err := j.Begin().Commit(Lazy); err != nil && !errors.Is(err, ErrClosed) {
		j.opts.Log.Warn().Err(err).Msg("refused requests could not be counted")
	}
}
