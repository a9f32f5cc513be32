package lookup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a clock that only sleeping moves: no test waits.
type clock struct {
	mu     sync.Mutex
	now    time.Time
	slept  []time.Duration
	asleep func(n int) // called before the n-th sleep
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	c.now = c.now.Add(d)
	c.slept = append(c.slept, d)
	n, asleep := len(c.slept), c.asleep
	c.mu.Unlock()
	if asleep != nil {
		asleep(n)
	}
	return ctx.Err()
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// script is the other side; it does as it is told.
type script struct {
	mu     sync.Mutex
	answer func(key string, n int) (*expr.Row, error) // n counts a key's questions from 1
	asked  map[string]int
	inside int
	most   int // questions at a time
	gate   chan struct{}
	closed bool
}

func (s *script) fetch(ctx context.Context, key string) (*expr.Row, error) {
	s.mu.Lock()
	s.asked[key]++
	n := s.asked[key]
	s.inside++
	s.most = max(s.most, s.inside)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.inside--
	}()
	if s.gate != nil {
		select {
		case <-s.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return s.answer(key, n)
}

func (s *script) close() error {
	s.closed = true
	return nil
}

func (s *script) questions(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[key]
}

func row(v string) *expr.Row { return &expr.Row{Columns: map[string]int{"v": 0}, Values: []string{v}} }

func echo(key string, _ int) (*expr.Row, error) {
	if strings.HasPrefix(key, "none") {
		return nil, nil
	}
	return row(key), nil
}

func bed(answer func(string, int) (*expr.Row, error), set func(*config.Remote)) (*Remote, *script, *clock) {
	c := &config.Remote{TTL: time.Minute, NegativeTTL: 10 * time.Second, MaxEntries: 1000, Timeout: 10 * time.Second, MaxConnections: 4, OnError: config.OnErrorRetry}
	if set != nil {
		set(c)
	}
	s := &script{answer: answer, asked: map[string]int{}}
	k := &clock{now: time.Unix(1_800_000_000, 0)}
	return newRemote(s, c, Options{
		Log: zerolog.Nop(), Now: k.Now, Sleep: k.Sleep, Jitter: func(most time.Duration) time.Duration { return most },
		Mask: func(s string) string { return strings.ReplaceAll(s, "hunter2", "********") },
	}), s, k
}

func skip(c *config.Remote) { c.OnError = config.OnErrorSkip }

// find looks keys up and writes what came of them: v, - for no row, ! for given up.
func find(t *testing.T, r Table, keys ...string) string {
	t.Helper()
	rows := make([]*expr.Row, len(keys))
	failed, err := r.Find(context.Background(), keys, rows)
	if err != nil {
		t.Fatalf("find: %v", err)
	}
	var out []string
	for i := range keys {
		switch {
		case slices.Contains(failed, i):
			out = append(out, "!")
		case rows[i] == nil:
			out = append(out, "-")
		default:
			out = append(out, rows[i].Values[0])
		}
	}
	return strings.Join(out, " ")
}

// TestBatch: each key of a batch is asked for once, side by side within the bound,
// and not again while the answer is fresh.
func TestBatch(t *testing.T) {
	t.Parallel()
	r, s, k := bed(echo, nil)
	s.gate = make(chan struct{})
	go func() {
		for range 8 {
			s.gate <- struct{}{}
		}
	}()
	keys := []string{"a", "b", "none", "a", "c", "d", "e", "f", "g", "b"}
	if got, want := find(t, r, keys...), "a b - a c d e f g b"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s.gate = nil
	if s.most > 4 || s.questions("a") != 1 {
		t.Errorf("got %d questions at a time and %d for one key, want at most 4 and 1", s.most, s.questions("a"))
	}
	for _, step := range []struct {
		wait                    time.Duration
		questionsA, questionsNo int
	}{{0, 1, 1}, {9 * time.Second, 1, 1}, {2 * time.Second, 1, 2}, {time.Minute, 2, 3}} {
		k.advance(step.wait)
		find(t, r, "a", "none")
		if a, none := s.questions("a"), s.questions("none"); a != step.questionsA || none != step.questionsNo {
			t.Errorf("after %s more: asked %d and %d times, want %d and %d", step.wait, a, none, step.questionsA, step.questionsNo)
		}
	}
	if st := r.Status(); st.Found != 8 || st.Missing != 3 || st.Rows == 0 || st.Hits == 0 {
		t.Errorf("status: got %+v", st)
	}
}

// TestShared: lanes that want the same key at the same time share the question.
func TestShared(t *testing.T) {
	t.Parallel()
	r, s, _ := bed(echo, nil)
	s.gate = make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if got := find(t, r, "a"); got != "a" {
				t.Errorf("got %s, want a", got)
			}
		}()
	}
	s.gate <- struct{}{}
	close(s.gate)
	wg.Wait()
	if n := s.questions("a"); n > 4 || n < 1 {
		t.Errorf("asked %d times", n)
	}
}

// TestOutageWaits proves I13: while the other side is away the batch waits, with
// growing pauses, and then has all its rows.
func TestOutageWaits(t *testing.T) {
	t.Parallel()
	r, _, k := bed(func(key string, n int) (*expr.Row, error) {
		if n <= 10 {
			return nil, fmt.Errorf("no route for %s with hunter2", key)
		}
		return row(key), nil
	}, func(c *config.Remote) { c.MaxConnections = 1 })
	var seen Status
	k.asleep = func(n int) {
		if n == 3 {
			seen = r.Status()
		}
	}
	if got := find(t, r, "personal"); got != "personal" {
		t.Errorf("got %s, want personal", got)
	}
	want := []time.Duration{500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000, 30000}
	for i := range want {
		if i >= len(k.slept) || k.slept[i] != want[i]*time.Millisecond {
			t.Fatalf("pauses: got %v, want %v ms", k.slept, want)
		}
	}
	// I14: neither the key nor a secret is shown.
	if seen.Waiting != 1 || seen.Error != "no route for the key with ********" || seen.AskAgain.IsZero() {
		t.Errorf("status while waiting: got %+v", seen)
	}
	if st := r.Status(); st.Error != "" || st.Waiting != 0 || st.Outages != 10 || !st.AskAgain.IsZero() {
		t.Errorf("status afterwards: got %+v", st)
	}
}

// TestOutageSkips: with skip events go on without, and the other side is left
// alone for the pause.
func TestOutageSkips(t *testing.T) {
	t.Parallel()
	down := true
	r, s, k := bed(func(key string, _ int) (*expr.Row, error) {
		if down {
			return nil, errors.New("down")
		}
		return row(key), nil
	}, skip)
	r.cache.put("known", answer{row: row("known"), until: k.Now().Add(time.Hour)})
	for range 3 {
		if got := find(t, r, "a", "known"); got != "! known" {
			t.Errorf("got %s, want ! known", got)
		}
	}
	if n := s.questions("a"); n != 1 || len(k.slept) != 0 {
		t.Errorf("asked %d times, slept %v, want once and not at all", n, k.slept)
	}
	down = false
	k.advance(time.Minute)
	if got := find(t, r, "a"); got != "a" {
		t.Errorf("got %s, want a", got)
	}
	if st := r.Status(); st.Skipped != 3 {
		t.Errorf("skipped: got %d, want 3", st.Skipped)
	}
}

// TestRetryAfter: the other side says when to ask again.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for asked, want := range map[time.Duration]time.Duration{42 * time.Second: 42 * time.Second, 24 * time.Hour: time.Hour} {
		r, _, k := bed(func(key string, n int) (*expr.Row, error) {
			if n == 1 {
				return nil, &later{asked, errors.New("429")}
			}
			return row(key), nil
		}, nil)
		find(t, r, "a")
		if len(k.slept) != 1 || k.slept[0] != want {
			t.Errorf("asked to wait %s: slept %v, want %s", asked, k.slept, want)
		}
	}
}

func refuse(bad string) func(string, int) (*expr.Row, error) {
	return func(key string, _ int) (*expr.Row, error) {
		if strings.HasPrefix(key, bad) {
			return nil, &refusal{fmt.Errorf("400 for %s", key)}
		}
		return row(key), nil
	}
}

// TestRefusedKey proves F21: one key that the other side does not take is given up
// after a few tries, where others are answered, and is not asked for again soon.
func TestRefusedKey(t *testing.T) {
	t.Parallel()
	r, s, k := bed(refuse("bad"), nil)
	if got := find(t, r, "a", "bad", "b"); got != "a ! b" {
		t.Errorf("got %s, want a ! b", got)
	}
	if n := s.questions("bad"); n != tries {
		t.Errorf("asked %d times, want %d", n, tries)
	}
	if got := find(t, r, "bad"); got != "!" || s.questions("bad") != tries {
		t.Errorf("again: got %s after %d questions, want ! from memory", got, s.questions("bad"))
	}
	k.advance(time.Hour)
	if got := find(t, r, "bad"); got != "!" || s.questions("bad") != 2*tries {
		t.Errorf("an hour later, alone: got %s after %d questions, want ! after %d", got, s.questions("bad"), 2*tries)
	}
}

// TestEverythingRefused: where the other side refuses every key, it is at fault
// and not the keys: the batch waits.
func TestEverythingRefused(t *testing.T) {
	t.Parallel()
	r, s, k := bed(refuse("bad"), nil)
	mended := func(n int) {
		if n == 40 {
			s.mu.Lock()
			s.answer = echo
			s.mu.Unlock()
		}
	}
	k.asleep = mended
	if got := find(t, r, "bad1", "bad2"); got != "bad1 bad2" {
		t.Errorf("got %s, want both once it is mended", got)
	}
	if len(k.slept) < 40 {
		t.Errorf("slept %d times, want at least 40", len(k.slept))
	}
	// One that was healthy before may give up one batch, and not the next.
	s.answer = refuse("bad")
	k.slept, k.asleep = nil, nil
	if got := find(t, r, "bad3"); got != "!" {
		t.Errorf("the first after health: got %s, want !", got)
	}
	k.slept, k.asleep = nil, mended
	if got := find(t, r, "bad4"); got != "bad4" {
		t.Errorf("the second: got %s, want bad4 once it is mended", got)
	}
	r, _, _ = bed(refuse("bad"), skip)
	if got := find(t, r, "bad"); got != "!" {
		t.Errorf("with skip: got %s, want !", got)
	}
}

// TestFindEnds: ctx's end ends a wait, and nothing else does.
func TestFindEnds(t *testing.T) {
	t.Parallel()
	r, _, k := bed(func(string, int) (*expr.Row, error) { return nil, errors.New("down") }, nil)
	ctx, cancel := context.WithCancel(context.Background())
	k.asleep = func(n int) {
		if n == 5 {
			cancel()
		}
	}
	if _, err := r.Find(ctx, []string{"a"}, make([]*expr.Row, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// TestTimeout: a question that is not answered in time is an outage.
func TestTimeout(t *testing.T) {
	t.Parallel()
	r, s, _ := bed(echo, func(c *config.Remote) { c.OnError, c.Timeout = config.OnErrorSkip, time.Millisecond })
	s.gate = make(chan struct{})
	if got := find(t, r, "a"); got != "!" {
		t.Errorf("got %s, want !", got)
	}
	if st := r.Status(); st.Error != context.DeadlineExceeded.Error() {
		t.Errorf("status: got %+v", st)
	}
}

func TestRunCloses(t *testing.T) {
	t.Parallel()
	r, s, _ := bed(echo, nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r.Run(ctx)
	if !s.closed {
		t.Error("Run returned without closing")
	}
}

// TestCacheBounds proves I12: a cache holds neither more entries nor more bytes
// than it may.
func TestCacheBounds(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	c := newCache(100, 10_000)
	for i := range 1000 {
		c.put(fmt.Sprint(i), answer{row: row(strings.Repeat("x", i)), until: now.Add(time.Hour)})
		if c.bytes > 10_000 || c.len() > 100 {
			t.Fatalf("after %d: %d bytes in %d entries", i, c.bytes, c.len())
		}
	}
	c.put("999", answer{row: row(strings.Repeat("x", 20_000)), until: now.Add(time.Hour)})
	if _, ok := c.get("999", now); ok {
		t.Error("an answer larger than the cache is kept")
	}
	if _, ok := c.get("998", now.Add(2*time.Hour)); ok {
		t.Error("an answer that is too old is used")
	}
	for c.len() > 0 {
		c.lru.RemoveOldest()
	}
	if c.bytes != 0 {
		t.Errorf("an empty cache counts %d bytes", c.bytes)
	}
}
