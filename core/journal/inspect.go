package journal

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// ItemKind says what a key of the store is for.
type ItemKind string

// The kinds of items, in the order in which View.Items visits them.
const (
	ItemMeta       ItemKind = "meta"
	ItemName       ItemKind = "name"
	ItemChunk      ItemKind = "chunk"
	ItemSummary    ItemKind = "summary"
	ItemCursor     ItemKind = "cursor"
	ItemMark       ItemKind = "mark"
	ItemDeadLetter ItemKind = "dead_letter"
	ItemLedger     ItemKind = "ledger"
	ItemBatch      ItemKind = "batch"
	ItemUnknown    ItemKind = "unknown"
)

var itemPrefixes = map[ItemKind]byte{
	ItemMeta: prefixMeta, ItemName: prefixName, ItemChunk: prefixChunk, ItemSummary: prefixSummary,
	ItemCursor: prefixCursor, ItemMark: prefixMark, ItemDeadLetter: prefixDead, ItemLedger: prefixLedger,
	ItemBatch: prefixBatch,
}

// Item is one key of the store and what it holds. Which fields are set follows
// from its Kind.
type Item struct {
	Kind ItemKind
	Key  string // for people, e.g. "chunk log=3 base=512"
	Size int    // of the value, in bytes
	// Err says why the value cannot be read; it wraps ErrCorrupt.
	Err error

	Name   string // of a name, a cursor, or a batch's reader
	Log    uint32 // number of a name's, chunk's or summary's log
	Of     Kind   // what a name names
	Offset uint64 // a chunk's or summary's base, a cursor's offset, a batch's first entry

	At         time.Time // when a chunk was written
	Entries    []Entry   // of a chunk
	Extra      []byte    // a summary, a batch, a mark's value, what a cursor carries
	DeadLetter *DeadLetter
	Count      Count // of the ledger
}

// View is the store at one moment: a step is seen whole or not at all, however
// many are committed meanwhile. What it shows need not be synced yet, so it is
// for adding up and checking, not for passing entries on (I2). Close it.
type View struct {
	j    *Journal
	snap *pebble.Snapshot
}

// View returns the store as it is now.
func (j *Journal) View() *View { return &View{j, j.db.NewSnapshot()} }

// Close gives the moment up.
func (v *View) Close() error {
	if err := v.snap.Close(); err != nil {
		return fmt.Errorf("journal: close view: %w", err)
	}
	return nil
}

// Items calls each for everything of the given kinds, or for every key of the
// store if none is given, until each returns an error, which Items returns. A
// value that cannot be read is passed on with its Err. The item may be kept.
func (v *View) Items(each func(*Item) error, kinds ...ItemKind) error {
	if len(kinds) == 0 {
		return v.walk(&pebble.IterOptions{}, each)
	}
	for _, k := range kinds {
		lower := []byte{itemPrefixes[k]}
		if err := v.walk(&pebble.IterOptions{LowerBound: lower, UpperBound: upperBound(lower)}, each); err != nil {
			return err
		}
	}
	return nil
}

// Chunks calls each for the chunks of a log that hold entries from offset on,
// oldest first, until each returns an error, which Chunks returns.
func (v *View) Chunks(log uint32, offset uint64, each func(*Item) error) error {
	lower := logPrefix(prefixChunk, log)
	o := &pebble.IterOptions{LowerBound: lower, UpperBound: upperBound(lower)}
	it, err := v.snap.NewIter(o)
	if err != nil {
		return fmt.Errorf("journal: read: %w", err)
	}
	if it.SeekLT(logKey(prefixChunk, log, offset+1)) {
		o.LowerBound = append([]byte(nil), it.Key()...)
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return fmt.Errorf("journal: read: %w", err)
	}
	return v.walk(o, each)
}

// End is the offset after the last entry of a log.
func (v *View) End(l *Log) (uint64, error) {
	it, err := v.snap.NewIter(l.bounds(prefixChunk))
	if err != nil {
		return 0, fmt.Errorf("journal: read log %q: %w", l.name, err)
	}
	defer it.Close()
	if it.Last() {
		c, err := l.chunkAt(it)
		if err != nil {
			return 0, err
		}
		return c.end(), nil
	}
	if err := it.Error(); err != nil {
		return 0, fmt.Errorf("journal: read log %q: %w", l.name, err)
	}
	value, closer, err := v.snap.Get(cursorKey(l.floorName()))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("journal: read log %q: %w", l.name, err)
	}
	defer closer.Close()
	c, err := decodeCursor(value)
	return c.Offset, err
}

func (v *View) walk(o *pebble.IterOptions, each func(*Item) error) error {
	it, err := v.snap.NewIter(o)
	if err != nil {
		return fmt.Errorf("journal: read: %w", err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		item := decodeItem(it.Key(), append([]byte(nil), value...))
		if err != nil {
			item.Err = fmt.Errorf("%w: %s: %w", ErrCorrupt, item.Key, err)
		}
		if err := each(item); err != nil {
			_ = it.Close()
			return err
		}
	}
	// A block whose checksum is wrong ends the walk here.
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil
}

func decodeItem(key, value []byte) *Item {
	i := &Item{Kind: ItemUnknown, Key: describeKey(key), Size: len(value)}
	if len(key) > 0 {
		for kind, prefix := range itemPrefixes {
			if key[0] == prefix {
				i.Kind = kind
			}
		}
	}
	if err := i.decode(key, value); err != nil && !errors.Is(err, ErrCorrupt) {
		i.Err = fmt.Errorf("%w: %s: %w", ErrCorrupt, i.Key, err)
	} else {
		i.Err = err
	}
	return i
}

var errShape = errors.New("unexpected length")

func (i *Item) decode(key, value []byte) (err error) {
	switch i.Kind {
	case ItemMeta:
		i.Name = string(key[1:])
		if string(key) == string(metaStore) {
			i.Extra = value // the hash key stays secret
		}
	case ItemName:
		if len(key) < 2 || len(value) != 4 {
			return errShape
		}
		i.Of, i.Name, i.Log = Kind(key[1]), string(key[2:]), binary.BigEndian.Uint32(value)
	case ItemChunk, ItemSummary:
		return i.decodeLog(key, value)
	case ItemCursor:
		var c Cursor
		if c, err = decodeCursor(value); err == nil {
			i.Name, i.Offset, i.Extra = string(key[1:]), c.Offset, c.Extra
		}
	case ItemMark:
		if len(key) != markKeyLen {
			return errShape
		}
		i.Extra = value
	case ItemDeadLetter:
		d := new(DeadLetter)
		if len(key) != 9 {
			return errShape
		}
		if err = json.Unmarshal(value, d); err == nil {
			i.Offset, i.DeadLetter = binary.BigEndian.Uint64(key[1:]), d
		}
	case ItemLedger:
		var n, w = binary.Varint(value)
		if w <= 0 || w != len(value) {
			return errShape
		}
		i.Count.N = n
		i.Count.Row, err = decodeLedgerKey(key)
	case ItemBatch:
		if len(key) < 11 || int(binary.BigEndian.Uint16(key[1:])) != len(key)-11 {
			return errShape
		}
		i.Name, i.Offset, i.Extra = string(key[3:len(key)-8]), binary.BigEndian.Uint64(key[len(key)-8:]), value
	case ItemUnknown:
		return errors.New("no part of patchbay writes such a key")
	}
	return err
}

func (i *Item) decodeLog(key, value []byte) error {
	if len(key) != 13 {
		return errShape
	}
	i.Log, i.Offset = binary.BigEndian.Uint32(key[1:]), binary.BigEndian.Uint64(key[5:])
	if i.Kind == ItemSummary {
		i.Extra = value
		return nil
	}
	c, err := decodeChunk(i.Offset, value)
	if err != nil {
		return err
	}
	i.At, i.Entries = c.at, c.entries
	return nil
}

// IsCorrupt reports whether err says that the store's files are damaged.
func IsCorrupt(err error) bool { return errors.Is(err, ErrCorrupt) || pebble.IsCorruptionError(err) }
