package catalog

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/sdk/wire"
)

// later makes everything in a test old enough to be remembered.
func later() time.Time { return time.Now().Add(time.Hour) }

// TestCache: a program is started once to ask it, whoever asks, until its bytes
// change; and an entry that isn't what it was counts as none.
func TestCache(t *testing.T) {
	t.Parallel()
	dir, cacheDir := t.TempDir(), filepath.Join(t.TempDir(), "made", "on", "demand")
	path, hash := install(t, dir, "patchbay-plugin-acme")
	o := Options{Dirs: []string{dir}, CacheDir: cacheDir, Now: later}
	want := func(n int, when string) {
		t.Helper()
		if p := wantPath(t, open(t, o), "acme", path); p.Version != "1.0.3" || p.Protocol != 1 {
			t.Errorf("%s: got %+v", when, p)
		}
		if got := starts(t, dir); got != n {
			t.Errorf("%s: started %d times, want %d", when, got, n)
		}
	}
	want(1, "first")
	want(1, "again")
	entry := (&cache{dir: cacheDir}).descriptionFile(hash)
	good, err := os.ReadFile(entry)
	if err != nil {
		t.Fatal(err)
	}
	for i, broken := range []string{"", "{", "null", "[]", `{"patchbay":"0.0.0"}`, strings.Replace(string(good), `"protocol":1`, `"protocol":2`, 1), string(good[:len(good)/2])} {
		if err := os.WriteFile(entry, []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		want(2+i, "broken entry "+broken)
	}
	n := starts(t, dir)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(data, "changed"...), 0o755); err != nil {
		t.Fatal(err)
	}
	want(n+1, "changed program")
	o.CacheDir = filepath.Join(path, "below a file")
	want(n+2, "no writable cache")
	want(n+3, "still no writable cache")
}

// TestHashMemo: a file's hash is taken again as soon as anything about the file
// is different, and not remembered while its last change is fresh.
func TestHashMemo(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	c := &cache{dir: t.TempDir(), now: later}
	hash := func() string {
		t.Helper()
		h, err := c.hash(path)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("one")
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	first := hash()
	memos, _ := filepath.Glob(filepath.Join(c.dir, "hash", "*.json"))
	if len(memos) != 1 {
		t.Fatalf("got %d memos, want 1", len(memos))
	}
	text, err := os.ReadFile(memos[0])
	if err != nil {
		t.Fatal(err)
	}
	lie := strings.Replace(string(text), first, strings.Repeat("0", 64), 1)
	if err := os.WriteFile(memos[0], []byte(lie), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := hash(); got != strings.Repeat("0", 64) {
		t.Errorf("got %s, want the remembered hash while nothing changed", got)
	}
	// Same size, same time of writing: the inode's own time tells.
	put("two")
	if err := os.Chtimes(path, st.ModTime(), st.ModTime()); err != nil {
		t.Fatal(err)
	}
	if got := hash(); got == first || got == strings.Repeat("0", 64) {
		t.Errorf("got the old hash %s of a changed file", got)
	}
	c.now = time.Now
	put("three")
	hash()
	if text, _ := os.ReadFile(memos[0]); strings.Contains(string(text), `"size":5`) {
		t.Errorf("a change of this moment was remembered: %s", text)
	}
	if _, err := c.hash(filepath.Dir(path)); err == nil {
		t.Error("got a hash of a folder")
	}
}

// TestCacheConcurrently: readers see whole entries while others write them.
func TestCacheConcurrently(t *testing.T) {
	t.Parallel()
	c := &cache{dir: t.TempDir(), now: later}
	d := &pluginhost.Description{Protocol: 1, DescribeResponse: &wire.DescribeResponse{Name: strings.Repeat("x", 100_000)}}
	c.remember("a", d)
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(2)
		go func() {
			defer wg.Done()
			for range 25 {
				c.remember("a", d)
			}
		}()
		go func() {
			defer wg.Done()
			for range 50 {
				if got, ok := c.description("a"); !ok || len(got.Name) != 100_000 {
					t.Error("got half an entry")
					return
				}
			}
		}()
	}
	wg.Wait()
	if left, _ := filepath.Glob(filepath.Join(c.dir, "describe", "*")); len(left) != 1 {
		t.Errorf("left %v", left)
	}
}
