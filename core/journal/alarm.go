package journal

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// alarms tells about damage and failed background work, loudly but not endlessly:
// the store tries a failed compaction again at once.
type alarms struct {
	mu     sync.Mutex
	files  map[string]bool // damaged, told of already
	told   time.Time
	untold int
}

// alarmEvery is the least time between two lines about background work.
const alarmEvery = 10 * time.Second

// listener replaces the store's own reaction to damage, which is to end the
// process: only what reads the damaged range stands, all else goes on (I10).
func (j *Journal) listener() *pebble.EventListener {
	return &pebble.EventListener{DataCorruption: j.damaged, BackgroundError: j.backgroundError}
}

func (j *Journal) damaged(info pebble.DataCorruptionInfo) {
	a := &j.alarms
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.files[info.Path] {
		return
	}
	if a.files == nil {
		a.files = map[string]bool{}
	}
	a.files[info.Path] = true
	j.opts.Log.Error().Str("file", info.Path).Str("first", describeKey(info.Bounds.Start)).
		Str("last", describeKey(info.Bounds.End.Key)).AnErr("cause", info.Details).
		Msg("journal is damaged: what it holds in this range cannot be read")
}

func (j *Journal) backgroundError(err error) {
	a := &j.alarms
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := j.opts.Now(); a.told.IsZero() || now.Sub(a.told) >= alarmEvery {
		j.opts.Log.Error().Err(err).Int("more_since_last", a.untold).Msg("journal's background work failed, will retry")
		a.told, a.untold = now, 0
		return
	}
	a.untold++
}

// Damaged is the number of files in which damage was found since Open.
func (j *Journal) Damaged() int {
	j.alarms.mu.Lock()
	defer j.alarms.mu.Unlock()
	return len(j.alarms.files)
}

// readError marks damage as ErrCorrupt. what says what was being read.
func readError(what string, err error) error {
	if pebble.IsCorruptionError(err) && !errors.Is(err, ErrCorrupt) {
		return fmt.Errorf("%w: read %s: %w", ErrCorrupt, what, err)
	}
	return fmt.Errorf("journal: read %s: %w", what, err)
}
