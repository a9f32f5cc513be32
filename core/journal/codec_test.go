package journal

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func someEntries(t *rapid.T) []Entry {
	blob := rapid.SliceOfN(rapid.Byte(), 0, 300)
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Entry {
		return Entry{Meta: blob.Draw(t, "meta"), Body: blob.Draw(t, "body")}
	}), 1, 40).Draw(t, "entries")
}

func TestChunkRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		entries := someEntries(t)
		base := rapid.Uint64Range(0, 1<<60).Draw(t, "base")
		at := time.UnixMicro(rapid.Int64Range(-1<<50, 1<<50).Draw(t, "at")).UTC()
		b := appendChunk(nil, at, entries)
		if len(b) > chunkSize(entries) {
			t.Fatalf("size: got %d, expected at most %d", len(b), chunkSize(entries))
		}
		c, err := decodeChunk(base, b)
		if err != nil || !c.at.Equal(at) || len(c.entries) != len(entries) {
			t.Fatalf("decode: %v, %d entries at %v, want %d at %v", err, len(c.entries), c.at, len(entries), at)
		}
		var all []byte
		for i, e := range c.entries {
			if e.Offset != base+uint64(i) || !bytes.Equal(e.Meta, entries[i].Meta) || !bytes.Equal(e.Body, entries[i].Body) {
				t.Fatalf("entry %d: got %+v, want %+v", i, e, entries[i])
			}
			all = append(all, entries[i].Body...)
		}
		// Bodies of one chunk travel as one slice.
		if runs := Runs(c.entries); !bytes.Equal(bytes.Join(runs, nil), all) || len(runs) > 1 {
			t.Fatalf("runs: %d of %d bytes, want one of %d", len(runs), len(bytes.Join(runs, nil)), len(all))
		}
		// A part of them, too, and never more than was asked for.
		some := append([]Entry(nil), c.entries[:1]...)
		some = append(some, c.entries[len(c.entries)/2:]...)
		var want []byte
		for _, e := range some {
			want = append(want, e.Body...)
		}
		if got := bytes.Join(Runs(some), nil); !bytes.Equal(got, want) {
			t.Fatalf("runs of a part: got %x, want %x", got, want)
		}
	})
}

// FuzzChunk: bytes that are no chunk are refused; what is accepted says the same
// when it is written again.
func FuzzChunk(f *testing.F) {
	f.Add(appendChunk(nil, time.Unix(1, 2000), []Entry{{Meta: []byte("m"), Body: []byte("body")}, {Body: []byte("b")}}))
	f.Add(appendChunk(nil, time.Time{}, nil))
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decodeChunk(7, b)
		if err != nil {
			return
		}
		again, err := decodeChunk(7, appendChunk(nil, c.at, c.entries))
		if err != nil || !again.at.Equal(c.at) || len(again.entries) != len(c.entries) {
			t.Fatalf("again: %v, %d entries, want %d", err, len(again.entries), len(c.entries))
		}
		for i := range c.entries {
			if !bytes.Equal(again.entries[i].Body, c.entries[i].Body) || !bytes.Equal(again.entries[i].Meta, c.entries[i].Meta) {
				t.Fatalf("entry %d: got %+v, want %+v", i, again.entries[i], c.entries[i])
			}
		}
	})
}

func FuzzLedgerKey(f *testing.F) {
	f.Add(appendLedgerKey(nil, Row{Scope: ScopeSink, Name: "kafka.stream", Source: "p", Day: 20000, Channel: 1, Type: 4, Outcome: Delivered}))
	f.Add(appendLedgerKey(nil, Row{Day: -1}))
	f.Add([]byte{prefixLedger, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, k []byte) {
		row, err := decodeLedgerKey(k)
		if err != nil {
			return
		}
		again, err := decodeLedgerKey(appendLedgerKey(nil, row))
		if err != nil || again != row {
			t.Fatalf("got %+v, %v, want %+v", again, err, row)
		}
		_ = row.String()
	})
}

func FuzzCursor(f *testing.F) {
	f.Add(appendCursor(nil, Cursor{Offset: 1 << 40, Extra: []byte("extra")}))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, v []byte) {
		c, err := decodeCursor(v)
		if err != nil {
			if len(v) >= 8 {
				t.Fatalf("%x refused: %v", v, err)
			}
			return
		}
		if got := appendCursor(nil, c); !bytes.Equal(got, v) {
			t.Fatalf("got %x, want %x", got, v)
		}
	})
}

// FuzzDescribeKey: dump must survive any key.
func FuzzDescribeKey(f *testing.F) {
	for p := byte(0); p < 12; p++ {
		f.Add([]byte{p})
		f.Add([]byte{p, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2, 3})
	}
	f.Fuzz(func(t *testing.T, k []byte) {
		if describeKey(k) == "" {
			t.Errorf("key %x has no description", k)
		}
	})
}

// FuzzManifest: no bytes make the check panic, and it accepts no manifest in
// which a complete record was changed.
func FuzzManifest(f *testing.F) {
	fs, _ := damaged(f)
	for _, path := range storeFiles(f, fs) {
		if bytes.Contains([]byte(path), []byte("MANIFEST")) {
			f.Add(readFile(f, fs, path), uint16(20))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, at uint16) {
		if verifyManifest(b) != nil || len(b) == 0 {
			return
		}
		n, _, _ := manifestChunk(b, 0)
		bad := bytes.Clone(b)
		bad[int(at)%n] ^= 1
		if err := verifyManifest(bad); err == nil {
			t.Errorf("byte %d of the first record was changed, unnoticed", int(at)%n)
		}
	})
}

func TestUpperBound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ prefix, want []byte }{
		{[]byte{1}, []byte{2}},
		{[]byte{1, 0xff}, []byte{2}},
		{[]byte{1, 0xff, 0xff}, []byte{2}},
		{[]byte{0xff}, nil},
		{[]byte{1, 2}, []byte{1, 3}},
	} {
		if got := upperBound(c.prefix); !reflect.DeepEqual(got, c.want) {
			t.Errorf("upperBound(%x): got %x, want %x", c.prefix, got, c.want)
		}
	}
}
