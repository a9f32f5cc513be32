package dispatch

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/patchbay-io/patchbay/core/journal"
)

// CursorName is the name of the cursor of a pipeline's sink.
func CursorName(pipeline, sink string) string { return "sink/" + pipeline + "/" + sink }

// ParseCursorName reads what CursorName wrote.
func ParseCursorName(name string) (pipeline, sink string, ok bool) {
	rest, ok := strings.CutPrefix(name, "sink/")
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, "/")
}

// progress is a cursor's Extra: what is done above its offset, the batch that
// was about to be written or must be written again as it was, and what else may
// have taken effect. All are ascending offsets.
type progress struct {
	done  []uint64
	plan  []uint64 // empty if no batch was in flight
	maybe []uint64 // beside the plan's
}

func (p *progress) encode() []byte {
	if len(p.done) == 0 && len(p.plan) == 0 && len(p.maybe) == 0 {
		return nil
	}
	return appendOffsets(appendOffsets(appendOffsets([]byte{1}, p.done), p.plan), p.maybe)
}

func appendOffsets(b []byte, offs []uint64) []byte {
	b = binary.AppendUvarint(b, uint64(len(offs)))
	prev := uint64(0)
	for _, o := range offs {
		b = binary.AppendUvarint(b, o-prev)
		prev = o
	}
	return b
}

func decodeProgress(v []byte) (p progress, err error) {
	if len(v) == 0 {
		return p, nil
	}
	bad := fmt.Errorf("%w: progress of a sink", journal.ErrCorrupt)
	if v[0] != 1 {
		return p, bad
	}
	v = v[1:]
	for _, list := range []*[]uint64{&p.done, &p.plan, &p.maybe} {
		n, w := binary.Uvarint(v)
		if w <= 0 || n > uint64(len(v)) {
			return p, bad
		}
		v = v[w:]
		prev := uint64(0)
		for range n {
			d, w := binary.Uvarint(v)
			if w <= 0 {
				return p, bad
			}
			if prev+d < prev {
				return p, bad
			}
			prev += d
			*list = append(*list, prev)
			v = v[w:]
		}
	}
	if len(v) > 0 {
		return p, bad
	}
	return p, nil
}
