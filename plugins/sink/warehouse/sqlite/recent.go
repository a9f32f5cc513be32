package sqlite

import "github.com/patchbay-io/patchbay/plugins/sink/warehouse/fold"

// recentMessages bounds each of the two generations of recent: about 5 MiB.
const recentMessages = 4 << 10

// recent holds the states of messages as they were last committed. The events of
// a message come within seconds, and reading a state costs as much as folding
// and writing it. It is emptied whenever the file may say something else: after
// an error, a correction, or a commit of another process.
type recent struct {
	young, old map[string]known
	others     int64 // what SQLite says of commits by others
}

type known struct {
	no    int64
	state fold.State
}

// validFor empties r if another connection has committed since the last call.
// It is called inside the write transaction, which keeps others out.
func (r *recent) validFor(others int64) {
	if others != r.others {
		r.clear()
		r.others = others
	}
}

func (r *recent) clear() { r.young, r.old = nil, nil }

func (r *recent) get(key []byte) (known, bool) {
	if k, ok := r.young[string(key)]; ok {
		return k, true
	}
	k, ok := r.old[string(key)]
	return k, ok
}

// put keeps the newest; what was not touched for a generation is dropped.
func (r *recent) put(key string, k known) {
	if len(r.young) >= recentMessages {
		r.young, r.old = nil, r.young
	}
	if r.young == nil {
		r.young = make(map[string]known, recentMessages)
	}
	r.young[key] = k
}
