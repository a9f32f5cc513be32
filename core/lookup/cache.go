package lookup

import (
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/patchbay-io/patchbay/core/expr"
)

// maxCacheBytes bounds the memory of one lookup's cache (I12).
const maxCacheBytes = 64 << 20

// entryOverhead is about what an answer costs beside its text.
const entryOverhead = 200

// answer is what is known of a key.
type answer struct {
	row    *expr.Row // nil: there is none
	failed bool      // the key was refused
	until  time.Time
	size   int
}

// cache remembers answers, the least recently used of them until they are too
// old. It is safe for concurrent use.
type cache struct {
	max int // bytes

	mu    sync.Mutex
	lru   *simplelru.LRU[string, answer]
	bytes int
}

func newCache(entries, bytes int) *cache {
	c := &cache{max: bytes}
	// The only error is a size below one, which the configuration rules out.
	c.lru, _ = simplelru.NewLRU(max(1, entries), func(_ string, a answer) { c.bytes -= a.size })
	return c
}

func (c *cache) get(key string, now time.Time) (answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.lru.Get(key)
	if !ok {
		return answer{}, false
	}
	if !now.Before(a.until) {
		c.lru.Remove(key)
		return answer{}, false
	}
	return a, true
}

func (c *cache) put(key string, a answer) {
	a.size = entryOverhead + len(key)
	if a.row != nil {
		for _, v := range a.row.Values {
			a.size += len(v) + 16
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lru.Remove(key)
	if a.size > c.max {
		return
	}
	c.lru.Add(key, a)
	c.bytes += a.size
	for c.bytes > c.max {
		c.lru.RemoveOldest()
	}
}

func (c *cache) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lru.Len()
}
