package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
)

// cache remembers what programs said about themselves, by the SHA-256 of their
// bytes: the same bytes say the same. It also remembers the hash of a file for
// as long as nothing about the file changes. It is only ever a shortcut: an
// entry that is broken, of another patchbay or not there is as good as none, and
// what can't be written isn't. Entries are replaced whole, so processes may
// share it.
type cache struct {
	dir string // empty: remember nothing
	now func() time.Time
}

// described is one entry.
type described struct {
	Patchbay string `json:"patchbay"`
	Protocol int    `json:"protocol"`
	Describe []byte `json:"describe"` // protobuf
	Sum      string `json:"sum"`      // SHA-256 of all of the above
}

func (d *described) sum() string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%d\n", d.Patchbay, d.Protocol)
	h.Write(d.Describe)
	return hex.EncodeToString(h.Sum(nil))
}

func (c *cache) descriptionFile(hash string) string {
	return filepath.Join(c.dir, "describe", hash+".json")
}

// description returns what the program with a hash once said.
func (c *cache) description(hash string) (*pluginhost.Description, bool) {
	var d described
	if !c.read(c.descriptionFile(hash), &d) || d.Patchbay != sdk.Version || d.Protocol == 0 || d.Sum != d.sum() {
		return nil, false
	}
	out := &pluginhost.Description{DescribeResponse: &wire.DescribeResponse{}, Protocol: d.Protocol}
	if proto.Unmarshal(d.Describe, out.DescribeResponse) != nil {
		return nil, false
	}
	return out, true
}

// remember keeps what the program with a hash said.
func (c *cache) remember(hash string, d *pluginhost.Description) {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(d.DescribeResponse)
	if err != nil {
		return
	}
	entry := described{Patchbay: sdk.Version, Protocol: d.Protocol, Describe: data}
	entry.Sum = entry.sum()
	c.write(c.descriptionFile(hash), entry)
}

// seen is a file as it was when it was hashed. The time of the last change of
// the inode can't be set back by whoever changes the file.
type seen struct {
	Path    string `json:"path"`
	Device  uint64 `json:"device"`
	Inode   uint64 `json:"inode"`
	Size    int64  `json:"size"`
	Mtime   int64  `json:"mtime_ns"`
	Ctime   int64  `json:"ctime_ns"`
	SHA256  string `json:"sha256"`
	checked bool
}

// look fills everything but the hash.
func look(path string, st os.FileInfo) seen {
	s := seen{Path: path, Size: st.Size(), Mtime: st.ModTime().UnixNano()}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		s.Device, s.Inode = sys.Dev, sys.Ino
		s.Ctime = time.Unix(sys.Ctim.Unix()).UnixNano()
		s.checked = true
	}
	return s
}

// settled is how old a file's last change must be before its hash is
// remembered: two changes within one tick of the file system's clock look alike.
const settled = 2 * time.Second

// hash returns the SHA-256 of a file's bytes, in hex.
func (c *cache) hash(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("catalog: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("catalog: %w", err)
	}
	if !st.Mode().IsRegular() {
		return "", fmt.Errorf("catalog: %s is not a file", path)
	}
	now := look(path, st)
	name := sha256.Sum256([]byte(path))
	memo := filepath.Join(c.dir, "hash", hex.EncodeToString(name[:16])+".json")
	var old seen
	if c.read(memo, &old) {
		now.SHA256, old.checked = old.SHA256, now.checked
		if old == now && len(old.SHA256) == sha256.Size*2 {
			return old.SHA256, nil
		}
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("catalog: hash %s: %w", path, err)
	}
	now.SHA256 = hex.EncodeToString(h.Sum(nil))
	after, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("catalog: %w", err)
	}
	then := look(path, after)
	then.SHA256 = now.SHA256
	if now.checked && then == now && c.now().UnixNano()-now.Ctime > int64(settled) {
		c.write(memo, now)
	}
	return now.SHA256, nil
}

// maxEntry bounds what is read back.
const maxEntry = 8 << 20

func (c *cache) read(path string, into any) bool {
	if c.dir == "" {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxEntry))
	return err == nil && json.Unmarshal(data, into) == nil
}

// write replaces an entry. What goes wrong only costs time.
func (c *cache) write(path string, v any) {
	if c.dir == "" {
		return
	}
	data, err := json.Marshal(v)
	if err != nil || len(data) > maxEntry || os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return
	}
	_, err = tmp.Write(data)
	if errors.Join(err, tmp.Close()) != nil || os.Rename(tmp.Name(), path) != nil {
		_ = os.Remove(tmp.Name())
	}
}
