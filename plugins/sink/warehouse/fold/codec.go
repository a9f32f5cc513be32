package fold

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/patchbay-io/patchbay/sdk"
)

// ErrFormat is returned for bytes that are no State, or one of another version.
// The remedy is to fold the facts again.
var ErrFormat = errors.New("fold: not a state of this version")

// formatVersion is the first byte of an encoded State. Change it when the slots,
// the engagements or the encoding change.
const formatVersion = 1

// Tags of the encoded parts: stages, then tallies.
const (
	tagStage = 0
	tagTally = 64
)

// AppendBinary appends the state's encoding to b. Equal states have equal
// encodings. Times are written as differences from the first event's.
func (s *State) AppendBinary(b []byte) []byte {
	b = append(b, formatVersion, byte(s.channel), byte(s.direction))
	b = binary.AppendUvarint(b, uint64(s.events))
	b = binary.AppendUvarint(b, uint64(s.deferrals))
	b = binary.AppendVarint(b, s.all.first)
	b = binary.AppendVarint(b, s.all.last-s.all.first)
	for i := range s.stages {
		if st := &s.stages[i]; st.set {
			b = append(b, byte(tagStage+i))
			b = appendSpan(b, st.span, s.all.first)
			b = append(b, st.latest[:]...)
		}
	}
	for kind := range s.tallies {
		for who := range s.tallies[kind] {
			if t := &s.tallies[kind][who]; t.set {
				b = append(b, byte(tagTally+kind*int(actors)+who))
				b = appendSpan(b, t.span, s.all.first)
				b = binary.AppendUvarint(b, uint64(t.count))
			}
		}
	}
	return b
}

func appendSpan(b []byte, s span, base int64) []byte {
	b = binary.AppendVarint(b, s.first-base)
	return binary.AppendVarint(b, s.last-s.first)
}

// UnmarshalBinary reads what AppendBinary wrote.
func (s *State) UnmarshalBinary(b []byte) error {
	*s = State{}
	if len(b) < 3 || b[0] != formatVersion {
		return ErrFormat
	}
	s.channel, s.direction = sdk.Channel(b[1]), sdk.Direction(b[2])
	d := decoder{b: b[3:]}
	s.events, s.deferrals = int64(d.uvarint()), int64(d.uvarint())
	s.all.set = s.events > 0
	s.all.first = d.varint()
	s.all.last = s.all.first + d.varint()
	for len(d.b) > 0 && !d.bad {
		switch tag := int(d.byte()); {
		case tag < tagStage+int(slots):
			st := &s.stages[tag-tagStage]
			st.span = d.span(s.all.first)
			d.id(&st.latest)
		case tag >= tagTally && tag < tagTally+int(engagements)*int(actors):
			t := &s.tallies[(tag-tagTally)/int(actors)][(tag-tagTally)%int(actors)]
			t.span = d.span(s.all.first)
			t.count = int64(d.uvarint())
		default:
			return fmt.Errorf("%w: tag %d", ErrFormat, tag)
		}
	}
	if d.bad {
		return fmt.Errorf("%w: cut short", ErrFormat)
	}
	return nil
}

// decoder reads from b; bad is set once b was too short.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) take(n int) {
	if n <= 0 || n > len(d.b) {
		d.bad, d.b = true, nil
		return
	}
	d.b = d.b[n:]
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.bad = true
		return 0
	}
	c := d.b[0]
	d.take(1)
	return c
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	d.take(n)
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	d.take(n)
	return v
}

func (d *decoder) span(base int64) span {
	s := span{set: true, first: base + d.varint()}
	s.last = s.first + d.varint()
	return s
}

func (d *decoder) id(id *sdk.ID) {
	if len(d.b) < len(id) {
		d.take(len(id))
		return
	}
	copy(id[:], d.b)
	d.take(len(id))
}
