package journal

import (
	"errors"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// itemStore is a store with an item of every kind.
func itemStore(t testing.TB) *Journal {
	t.Helper()
	j := open(t, Options{Dir: "j", FS: vfs.NewMem()})
	t.Cleanup(func() { _ = j.Close() })
	l := mustLog(t, j, StagedIn, "messaging")
	tx := j.Begin()
	tx.Append(l, []Entry{{Meta: []byte("m"), Body: []byte("b")}, {Body: []byte("c")}}, []byte("summary"))
	tx.SetCursor("lane/messaging/twilio.support", Cursor{Offset: 7, Extra: []byte("x")})
	tx.Mark(1, 2, j.HashIdentity("id"), []byte("v"))
	tx.Count(Row{Scope: ScopeRaw, Name: "twilio.support", Outcome: Stored}, 3)
	tx.DeadLetter(&DeadLetter{State: DeadOpen, Code: "malformed"})
	tx.Batch("sink/messaging/kafka.stream", 9, []byte("{}"))
	if err := tx.Commit(Durable); err != nil {
		t.Fatal(err)
	}
	return j
}

func items(t testing.TB, j *Journal, kinds ...ItemKind) map[ItemKind][]*Item {
	t.Helper()
	v := j.View()
	defer func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	}()
	out := map[ItemKind][]*Item{}
	err := v.Items(func(i *Item) error { out[i.Kind] = append(out[i.Kind], i); return nil }, kinds...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestItems(t *testing.T) {
	t.Parallel()
	all := items(t, itemStore(t))
	one := func(k ItemKind) *Item {
		t.Helper()
		if len(all[k]) != 1 || all[k][0].Err != nil {
			t.Fatalf("%s: got %d items, %+v", k, len(all[k]), all[k])
		}
		return all[k][0]
	}
	if i := one(ItemName); i.Name != "messaging" || i.Of != StagedIn {
		t.Errorf("name: got %+v", i)
	}
	if i := one(ItemChunk); len(i.Entries) != 2 || string(i.Entries[1].Body) != "c" || i.At.IsZero() {
		t.Errorf("chunk: got %+v", i)
	}
	if i := one(ItemSummary); string(i.Extra) != "summary" {
		t.Errorf("summary: got %+v", i)
	}
	if i := one(ItemCursor); i.Offset != 7 || i.Name != "lane/messaging/twilio.support" || string(i.Extra) != "x" {
		t.Errorf("cursor: got %+v", i)
	}
	if i := one(ItemMark); string(i.Extra) != "v" {
		t.Errorf("mark: got %+v", i)
	}
	if i := one(ItemLedger); i.Count.N != 3 || i.Count.Name != "twilio.support" {
		t.Errorf("ledger: got %+v", i)
	}
	if i := one(ItemDeadLetter); i.Offset != 1 || i.DeadLetter.Code != "malformed" {
		t.Errorf("dead letter: got %+v", i)
	}
	if i := one(ItemBatch); i.Offset != 9 || i.Name != "sink/messaging/kafka.stream" {
		t.Errorf("batch: got %+v", i)
	}
	// I14: the key that identities are hashed with is shown to nobody.
	for _, i := range all[ItemMeta] {
		if i.Name == "hash_key" && (len(i.Extra) > 0 || i.Size != 16) {
			t.Errorf("hash key: got %+v", i)
		}
	}
}

func TestItemsOfSomeKinds(t *testing.T) {
	t.Parallel()
	j := itemStore(t)
	got := items(t, j, ItemCursor, ItemLedger)
	if len(got) != 2 || len(got[ItemCursor]) != 1 || len(got[ItemLedger]) != 1 {
		t.Errorf("got %v, want a cursor and a row", got)
	}
	stop := errors.New("stop")
	v := j.View()
	defer v.Close()
	if err := v.Items(func(*Item) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want the callback's own error", err)
	}
}

// Whatever stands in the store is passed on with what is wrong with it.
func TestItemsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	j := itemStore(t)
	for _, k := range []struct{ key, value []byte }{
		{[]byte{0x7f, 'x'}, []byte("x")},
		{nameKey(Raw, "x"), []byte("short")},
		{logKey(prefixChunk, 9, 0), []byte("no chunk")},
		{[]byte{prefixChunk, 1}, nil},
		{[]byte{prefixSummary}, nil},
		{cursorKey("x"), []byte("short")},
		{[]byte{prefixMark, 1}, nil},
		{deadKey(8), []byte("{")},
		{[]byte{prefixDead}, []byte("{}")},
		{[]byte{prefixLedger, 1}, []byte{2}},
		{appendLedgerKey(nil, Row{Scope: ScopeRaw, Name: "x"}), nil},
		{[]byte{prefixBatch, 0, 9, 'x'}, nil},
	} {
		if err := j.db.Set(k.key, k.value, pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
	bad := 0
	for _, is := range items(t, j) {
		for _, i := range is {
			if i.Err == nil {
				continue
			}
			bad++
			if !IsCorrupt(i.Err) {
				t.Errorf("%s: got %v, want ErrCorrupt", i.Key, i.Err)
			}
		}
	}
	if bad != 12 {
		t.Errorf("got %d items that cannot be read, want 12", bad)
	}
}

// A view does not change.
func TestViewIsOneMoment(t *testing.T) { // I7
	t.Parallel()
	j := open(t, Options{Dir: "j", FS: vfs.NewMem()})
	defer j.Close()
	l := mustLog(t, j, Raw, "x")
	for range 3 {
		if _, err := l.Append([]byte("a")); err != nil {
			t.Fatal(err)
		}
	}
	v := j.View()
	defer v.Close()
	if _, err := l.Append([]byte("late")); err != nil {
		t.Fatal(err)
	}
	if got, err := v.End(l); err != nil || got != 3 {
		t.Errorf("End: got %d, %v, want 3", got, err)
	}
	var offsets []uint64
	err := v.Chunks(l.Number(), 1, func(i *Item) error {
		for _, e := range i.Entries {
			offsets = append(offsets, e.Offset)
		}
		return i.Err
	})
	if err != nil || len(offsets) < 2 || offsets[0] > 1 || offsets[len(offsets)-1] != 2 {
		t.Errorf("Chunks: got offsets %v, %v, want up to 2", offsets, err)
	}
}

func TestViewEndAfterTrim(t *testing.T) {
	t.Parallel()
	j := open(t, Options{Dir: "j", FS: vfs.NewMem()})
	defer j.Close()
	l := mustLog(t, j, Raw, "x")
	end := func() uint64 {
		t.Helper()
		v := j.View()
		defer v.Close()
		n, err := v.End(l)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if got := end(); got != 0 {
		t.Errorf("empty: got %d, want 0", got)
	}
	for range 3 {
		if _, err := l.Append([]byte("a")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Trim(t.Context(), 3, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := end(); got != 3 {
		t.Errorf("trimmed: got %d, want 3", got)
	}
}

func FuzzItem(f *testing.F) {
	j := itemStore(f)
	for _, is := range items(f, j) {
		for _, i := range is {
			f.Add([]byte(i.Key), i.Extra)
		}
	}
	for _, p := range itemPrefixes {
		f.Add([]byte{p}, []byte{})
		f.Add([]byte{p, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, []byte{1, 2, 3})
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		i := decodeItem(key, value)
		if i.Err != nil && !errors.Is(i.Err, ErrCorrupt) {
			t.Fatalf("%x = %x: got %v, want ErrCorrupt", key, value, i.Err)
		}
		if i.Size != len(value) {
			t.Fatalf("size: got %d, want %d", i.Size, len(value))
		}
	})
}
