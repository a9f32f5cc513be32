package engine

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/pipeline"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/rs/zerolog"
	"google.golang.org/protobuf/encoding/protowire"
)

// What a pipeline has yet to carry is what any of its lanes has: dedup keeps what
// the one that is furthest behind needs (I6).
func TestOldest(t *testing.T) {
	t.Parallel()
	j, err := journal.Open(journal.Options{Dir: "j", FS: vfs.NewMem(), Log: zerolog.Nop(), CacheBytes: 1 << 20, MemTableBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	now := time.Unix(1_800_000_000, 0).UTC()
	p := &pipe{lanes: map[string]*lane{}}
	raws := map[string]*journal.Log{}
	for _, source := range []string{"test.a", "test.b"} {
		raw, err := j.Log(journal.Raw, source)
		if err != nil {
			t.Fatal(err)
		}
		raws[source] = raw
		p.lanes[source] = &lane{Lane: pipeline.New(pipeline.Options{Pipeline: "p", Source: source, Provider: "test", Journal: j, Raw: raw, Log: zerolog.Nop()})}
	}
	var e Engine
	want := func(what, name string, want time.Time) {
		t.Helper()
		if got, err := e.oldest(name)(now); err != nil || !got.Equal(want) {
			t.Errorf("%s: got %v, %v, want %v", what, got, err, want)
		}
	}
	receive := func(source string, at time.Time) {
		t.Helper()
		d := sdk.Delivery{ReceivedAt: at, Method: "POST", URL: "https://h/s", Body: []byte("x")}
		if _, err := raws[source].Append(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), d.AppendWire(nil))); err != nil {
			t.Fatal(err)
		}
	}
	carry := func(source string, to uint64) {
		t.Helper()
		tx := j.Begin()
		tx.SetCursor(pipeline.CursorName("p", source), journal.Cursor{Offset: to})
		if err := tx.Commit(journal.Durable); err != nil {
			t.Fatal(err)
		}
	}
	want("before anything is at work", "p", time.Time{})
	e.graph.Store(&graph{pipes: map[string]*pipe{"p": p}})
	want("another pipeline", "q", time.Time{})
	want("nothing waits", "p", now)
	receive("test.a", now.Add(-time.Hour))
	receive("test.a", now.Add(-time.Minute))
	want("one lane is behind", "p", now.Add(-time.Hour))
	receive("test.b", now.Add(-30*time.Minute))
	carry("test.a", 1)
	want("the other lane is further behind", "p", now.Add(-30*time.Minute))
	carry("test.b", 1)
	want("one request waits", "p", now.Add(-time.Minute))
	carry("test.a", 2)
	want("all is carried", "p", now)
}
