package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/core/admin"
	"github.com/patchbay-io/patchbay/core/dispatch"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/pipeline"
	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/core/staged"
	"github.com/patchbay-io/patchbay/core/tap"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rs/zerolog"
	"google.golang.org/protobuf/encoding/protowire"
)

var seedTime = time.Date(2026, 11, 23, 12, 4, 5, 120e6, time.UTC)

const testPhone = "+447700900123"

// seed writes a journal with one delivered event, SM1, and one that the sink
// refused, SM2.
func seed(dataDir string, damage string) (err error) {
	j, err := journal.Open(journal.Options{
		Dir: filepath.Join(dataDir, "journal"), Log: zerolog.Nop(), Now: func() time.Time { return seedTime },
		CacheBytes: journalMemory, MemTableBytes: journalMemory, MinFree: 1,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	raw, err := j.Log(journal.Raw, "twilio.support")
	if err != nil {
		return err
	}
	log, err := j.Log(journal.StagedIn, "messaging")
	if err != nil {
		return err
	}
	facts, err := j.SinkNumber("lines.facts")
	if err != nil {
		return err
	}
	d := sdk.Delivery{ReceivedAt: seedTime, Method: "POST", Body: []byte("MessageSid=SM1"), Authenticated: true}
	if _, err := raw.Append(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), d.AppendWire(nil))); err != nil {
		return err
	}
	tx := j.Begin()
	if err := seedStep(j, tx, log, facts, damage); err != nil {
		return err
	}
	return tx.Commit(journal.Durable)
}

func seedStep(j *journal.Journal, tx *journal.Tx, log *journal.Log, facts uint32, damage string) error {
	lane := journal.Row{Scope: journal.ScopePipeline, Name: "messaging", Source: "twilio.support"}
	count := func(r journal.Row, o journal.Outcome, n int64) { r.Outcome = o; tx.Count(r, n) }
	var es []journal.Entry
	var b staged.Builder
	b.Reset("twilio.support")
	for i, id := range []string{"SM1", "SM2"} {
		e := sdk.Event{
			ID: sdk.ID{15: byte(i + 1)}, MessageID: id, Channel: sdk.SMS, Type: sdk.Delivered, DeliveryStatus: sdk.StatusDelivered, Time: seedTime,
			ReceivedAt: seedTime, Source: "twilio.support", Provider: "twilio", Recipient: testPhone, RawIndex: i,
		}
		m := staged.Meta{Targets: []uint32{facts}, Day: staged.Day(&e), Channel: uint8(e.Channel), Type: uint8(e.Type)}
		body, _ := staged.AppendEvent(nil, &e, nil)
		es = append(es, journal.Entry{Meta: m.Append(nil), Body: body})
		b.Add(&e)
		tx.Count(m.Row(journal.ScopePipeline, "messaging", "twilio.support", journal.Staged), 1)
		sink := m.Row(journal.ScopeSink, "lines.facts", "messaging", 0)
		count(sink, journal.Addressed, 1)
		if i == 0 {
			count(sink, journal.Delivered, 1)
			continue
		}
		count(sink, journal.DeadLettered, 1)
		tx.DeadLetter(&journal.DeadLetter{
			State: journal.DeadOpen, Pipeline: "messaging", Sink: "lines.facts", Source: "twilio.support", Code: "too_ugly",
			Reason: "no thanks to " + testPhone, Attempts: 1, FirstAt: seedTime, LastAt: seedTime, Staged: 1, Event: body,
			EventID: e.ID.String(), MessageID: id, Row: sink,
		})
	}
	tx.Append(log, es, b.Encode())
	count(lane, journal.Parsed, 1)
	tx.SetCursor(pipeline.CursorName("messaging", "twilio.support"), journal.Cursor{Offset: 1})
	tx.SetCursor(dispatch.CursorName("messaging", "lines.facts"), journal.Cursor{Offset: 2})
	v, err := json.Marshal(dispatch.Batch{At: seedTime, Took: 3100, Events: 1})
	if err != nil {
		return err
	}
	tx.Batch(dispatch.CursorName("messaging", "lines.facts"), 0, v)
	if damage == "unbalanced" {
		count(lane, journal.Parsed, 1)
	}
	return nil
}

// seedCommand writes a journal: seed DATADIR [unbalanced].
func seedCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: seed DATADIR [unbalanced]")
	}
	ts.Check(seed(ts.MkAbs(args[0]), strings.Join(args[1:], "")))
}

// scriptCore is a core that answers the command line out of a seeded journal.
type scriptCore struct {
	j        *journal.Journal
	receiver string
}

func (c *scriptCore) Journal() *journal.Journal { return c.j }

func (c *scriptCore) Ready() (bool, []string) {
	return false, []string{"source twilio.support is not configured yet"}
}

func (c *scriptCore) Status() admin.Status {
	return admin.Status{
		Version: "1.2.3", Started: seedTime, Receiver: c.receiver, Reasons: []string{"source twilio.support is not configured yet"},
		Sources: []admin.SourceStatus{{
			Address: "twilio.support", Path: "/hooks/twilio/support",
			Plugin: pluginhost.Status{State: pluginhost.CrashLoop, Restarts: 6, LastError: "exit status 2\x1b[31m"},
		}},
		Lanes: []admin.LaneStatus{{Pipeline: "messaging", Source: "twilio.support", Backlog: 12}},
		Sinks: []admin.SinkStatus{
			{Address: "lines.facts", Plugin: pluginhost.Status{State: pluginhost.Running}, Dispatch: []dispatch.Status{
				{Pipeline: "messaging", Sink: "lines.facts", State: dispatch.Paused, Backlog: 3, Error: "disk is full"},
			}},
			{Address: "lines.spare", Plugin: pluginhost.Status{State: pluginhost.Starting}},
		},
	}
}

func (c *scriptCore) Tap() *tap.Hub {
	h := new(tap.Hub)
	h.Declare("messaging", []string{"dedup", "enrich.crm"})
	return h
}

// RetryDeadLetter refuses what it is asked for the first time and later.
func (c *scriptCore) RetryDeadLetter(_ context.Context, id uint64) error {
	return errors.Join(dispatch.ErrStillRejected, errors.New("too_ugly: no thanks to "+testPhone))
}

// coreCommand starts a core on a seeded journal, with a receiver that answers
// every request with a status: core DATADIR STATUS.
func coreCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: core DATADIR STATUS")
	}
	dir := ts.MkAbs(args[0])
	j, err := journal.Open(journal.Options{
		Dir: filepath.Join(dir, "journal"), Log: zerolog.Nop(), CacheBytes: journalMemory, MemTableBytes: journalMemory, MinFree: 1,
	})
	ts.Check(err)
	receiver, stopReceiver := serveHTTP(ts, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if args[1] != "200" || r.Header.Get("X-Twilio-Signature") == "" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Header().Set("Patchbay-Delivery", "twilio.support/1")
	}))
	const token = "a-token-for-scripts"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	srv := admin.New(&scriptCore{j, receiver}, prometheus.NewRegistry(), zerolog.Nop(), token)
	go func() { done <- srv.Run(ctx, l, time.Second) }()
	data, err := json.Marshal(admin.File{Addr: l.Addr().String(), Token: token})
	ts.Check(err)
	ts.Check(os.WriteFile(filepath.Join(dir, admin.FileName), data, 0o600))
	ts.Defer(func() {
		cancel()
		ts.Check(<-done)
		stopReceiver()
		ts.Check(j.Close())
	})
}

func serveHTTP(ts *testscript.TestScript, h http.Handler) (addr string, stop func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Second}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	return l.Addr().String(), func() {
		_ = srv.Close()
		<-done
	}
}
