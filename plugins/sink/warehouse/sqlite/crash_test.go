package sqlite

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

// envCrashFile makes the test binary a plugin that writes to the named file
// until it is killed.
const envCrashFile = "PATCHBAY_TEST_CRASH_FILE"

const crashBatch = 64

// crashEvents is batch n: its events' names are n/0, n/1, …; four make a message.
func crashEvents(n int) []sdk.Event {
	out := make([]sdk.Event, crashBatch)
	for i := range out {
		out[i] = event(fmt.Sprintf("%d/%d", n, i), fmt.Sprintf("SM%d-%d", n, i/4), sdk.Opened, i)
	}
	return out
}

// writeUntilKilled writes batches and says on standard output, one line each,
// which were reported as done. It starts one batch before the last in the file,
// as core does when the answer was lost.
func writeUntilKilled(path string) {
	ctx := context.Background()
	s := New(time.Now)
	if err := s.Open(ctx, &Config{Path: path, BusyTimeout: time.Second, Synchronous: "full"}); err != nil {
		fmt.Println("open:", err)
		os.Exit(1)
	}
	// A small bound makes checkpoints happen within the few batches of a life.
	err := execute(s.db.conn, "PRAGMA wal_autocheckpoint = 40")
	last, queryErr := queryInt(s.db.conn, "SELECT count(*) FROM pb_events")
	if err != nil || queryErr != nil {
		fmt.Println("prepare:", err, queryErr)
		os.Exit(1)
	}
	for n := max(0, int(last)/crashBatch-1); ; n++ {
		if err := s.Write(ctx, crashEvents(n), &sdk.Results{}); err != nil {
			fmt.Println("write:", err)
			os.Exit(1)
		}
		fmt.Println("done", n)
	}
}

// I4 and F12: a plugin killed at any moment leaves a sound file in which every
// event that was reported as done is there once, and states that fit the facts.
func TestKilledWhileWriting(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.db")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	done := -1
	for life := range 12 {
		done = max(done, liveAndDie(t, path, random.IntN(6), time.Duration(random.IntN(4000))*time.Microsecond))
		check := read(t, path, `SELECT (SELECT group_concat(integrity_check) FROM pragma_integrity_check),
			count(*) - count(DISTINCT event_id), count(*) >= `+fmt.Sprint((done+1)*crashBatch)+`,
			count(*) % `+fmt.Sprint(crashBatch)+`, count(*) - (SELECT sum(written) FROM pb_load_log),
			count(*) - (SELECT sum(opens) FROM pb_message_state),
			(SELECT count(*) - count(DISTINCT message_id) FROM pb_message_state) FROM pb_events`)
		if want := "ok|0|1|0|0|0|0"; check != want {
			t.Fatalf("life %d, done to %d: got %s, want %s", life, done, check, want)
		}
	}
	if done < 10 {
		t.Errorf("only %d batches were written: the test shows nothing", done+1)
	}
	for n := range done + 1 {
		first := digest(fmt.Sprintf("%d/0", n))
		if got := read(t, path, fmt.Sprintf("SELECT count(*) FROM pb_events WHERE event_id = x'%s'", first)); got != "1" {
			t.Fatalf("batch %d was reported as done, but its first event is there %s times", n, got)
		}
	}
}

// liveAndDie runs a plugin, kills it some time after it has reported a number of
// batches, and returns the last batch that it reported.
func liveAndDie(t *testing.T, path string, batches int, after time.Duration) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), envCrashFile+"="+path)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	done := -1
	lines := bufio.NewScanner(out)
	for seen := 0; lines.Scan(); seen++ {
		word, number, _ := strings.Cut(lines.Text(), " ")
		if word != "done" {
			t.Errorf("plugin: %s", lines.Text())
			break
		}
		if done, err = strconv.Atoi(number); err != nil {
			t.Fatal(err)
		}
		if seen == batches {
			// It is writing the next batch now. Lines that come meanwhile count too.
			defer time.AfterFunc(after, func() { _ = cmd.Process.Kill() }).Stop()
		}
	}
	_ = cmd.Wait() // it was killed
	return done
}
