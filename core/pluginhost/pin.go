package pluginhost

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// EnvHome names the environment variable by which a plugin learns the folder
// that its program is installed in: what runs may be a copy without a path.
const EnvHome = "PATCHBAY_PLUGIN_HOME"

// Pin is a program of which only certain bytes may run. It may be shared by
// every Spec of that program, so that there is one copy of it.
//
// Hashing a file and then starting it by its path would leave a moment to
// replace it in between. So the first start copies the program while hashing
// it, into memory that the kernel seals against any change, and every start
// executes that copy: what runs is what was hashed, also when the file is
// replaced meanwhile. A script is the exception: its interpreter opens it again
// by its path. It is hashed before every start, and the moment remains; nor is
// anything pinned that it imports.
//
// A Pin needs no closing: the copy goes with it.
type Pin struct {
	path, sha256 string

	mu   sync.Mutex
	copy *os.File // nil until the first start
}

// NewPin pins the program at path to the SHA-256 of its bytes, in hex.
func NewPin(path, sha256 string) *Pin { return &Pin{path: path, sha256: sha256} }

// Tampered says that a program isn't the one that was pinned. It was not run.
type Tampered struct {
	Path, Want, Got string // Want and Got are SHA-256 in hex
}

func (t *Tampered) Error() string {
	return fmt.Sprintf("%s is not the program that the lock file pins: its SHA-256 is %s, pinned is %s", t.Path, t.Got, t.Want)
}

// maxProgram bounds what is copied into memory.
const maxProgram = 512 << 20

// executable returns the path by which the pinned bytes can be executed. dir is
// a private folder for where memory can't be used.
func (p *Pin) executable(dir string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.copy != nil {
		return procPath(p.copy), nil
	}
	f, err := os.Open(p.path)
	if err != nil {
		return "", fmt.Errorf("pluginhost: pinned program: %w", err)
	}
	defer f.Close()
	var magic [2]byte
	n, err := io.ReadFull(f, magic[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("pluginhost: pinned program: %w", err)
	}
	in := io.MultiReader(bytes.NewReader(magic[:n]), f)
	if string(magic[:n]) == "#!" {
		return p.path, p.copyTo(io.Discard, in)
	}
	c, err := p.sealed(in)
	if errors.Is(err, errNoMemory) {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return "", fmt.Errorf("pluginhost: pinned program: %w", err)
		}
		c, err = p.unlinked(f, dir)
	}
	if err != nil {
		return "", err
	}
	p.copy = c
	return procPath(c), nil
}

func procPath(f *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", f.Fd()) }

// copyTo copies in and compares its hash.
func (p *Pin) copyTo(out io.Writer, in io.Reader) error {
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, h), io.LimitReader(in, maxProgram+1))
	if err != nil {
		return fmt.Errorf("pluginhost: copy of %s: %w", p.path, err)
	}
	if n > maxProgram {
		return fmt.Errorf("pluginhost: %s is larger than %d MiB", p.path, maxProgram>>20)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != p.sha256 {
		return &Tampered{Path: p.path, Want: p.sha256, Got: got}
	}
	return nil
}

// errNoMemory says that programs can't be executed from memory here.
var errNoMemory = errors.New("no executable memory file")

// sealed copies in into a memory file that nobody can change any more.
func (p *Pin) sealed(in io.Reader) (*os.File, error) {
	name := filepath.Base(p.path)
	flags := unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // a kernel before 6.3
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, errNoMemory
	}
	c := os.NewFile(uintptr(fd), name)
	if _, err := os.Stat(procPath(c)); err != nil {
		return nil, errors.Join(errNoMemory, c.Close())
	}
	if err := p.copyTo(c, in); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	const seals = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(c.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, errors.Join(fmt.Errorf("pluginhost: seal copy of %s: %w", p.path, err), c.Close())
	}
	return c, nil
}

// unlinked copies in into a file that has no name, so that only this user's
// processes could still find it.
func (p *Pin) unlinked(in io.Reader, dir string) (*os.File, error) {
	// Forks elsewhere in the process wait, or their child would for a moment hold
	// the copy open for writing, and what is open for writing can't be executed.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	w, err := os.CreateTemp(dir, "pinned-")
	if err != nil {
		return nil, fmt.Errorf("pluginhost: copy of %s: %w", p.path, err)
	}
	defer os.Remove(w.Name())
	if err := errors.Join(p.copyTo(w, in), w.Chmod(0o500), w.Close()); err != nil {
		return nil, err
	}
	c, err := os.Open(w.Name())
	if err != nil {
		return nil, fmt.Errorf("pluginhost: copy of %s: %w", p.path, err)
	}
	return c, nil
}
