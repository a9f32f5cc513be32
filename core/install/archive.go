package install

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// The most that an archive may hold (I12).
const (
	maxUnpacked = 2 << 30
	maxFile     = 512 << 20
	maxEntries  = 10000
	maxPath     = 512
)

// ErrRefused is wrapped by errors about what is offered, as opposed to about
// this machine.
var ErrRefused = errors.New("refused")

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrRefused, fmt.Errorf(format, args...))
}

// unpack unpacks the archive in f, of either form, into the empty folder dir.
func unpack(f *os.File, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("install: unpack: %w", err)
	}
	defer root.Close()
	u := &unpacker{root: root, seen: map[string]bool{}}
	var magic [4]byte
	n, err := io.ReadFull(f, magic[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return fmt.Errorf("install: unpack: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("install: unpack: %w", err)
	}
	switch {
	case bytes.HasPrefix(magic[:n], []byte{0x1f, 0x8b}):
		return u.tar(f)
	case bytes.HasPrefix(magic[:n], []byte("PK")):
		return u.zip(f)
	}
	return refuse("%s is neither a .tar.gz nor a .zip archive", f.Name())
}

type unpacker struct {
	root    *os.Root
	seen    map[string]bool
	entries int
	bytes   int64
}

func (u *unpacker) tar(f io.Reader) error {
	z, err := gzip.NewReader(f)
	if err != nil {
		return refuse("the archive is damaged: %w", err)
	}
	r := tar.NewReader(z)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			// To its end, where its checksum is; of padding there is little.
			if _, err := io.Copy(io.Discard, io.LimitReader(z, 1<<20)); err != nil {
				return refuse("the archive is damaged: %w", err)
			}
			return nil
		}
		if err != nil {
			return refuse("the archive is damaged: %w", err)
		}
		switch h.Typeflag {
		case tar.TypeReg, tar.TypeDir:
		case tar.TypeXGlobalHeader:
			continue
		default:
			return refuse("%q in the archive is neither a file nor a folder", cut(h.Name))
		}
		// The header's own bits, because a FileMode has other places for some.
		mode := fs.FileMode(h.Mode & 0o777)
		if h.Mode&0o7000 != 0 {
			mode |= fs.ModeSetuid
		}
		if err := u.entry(h.Name, h.Typeflag == tar.TypeDir, mode, r); err != nil {
			return err
		}
	}
}

func (u *unpacker) zip(f *os.File) error {
	st, err := f.Stat()
	if err != nil {
		return fmt.Errorf("install: unpack: %w", err)
	}
	z, err := zip.NewReader(f, st.Size())
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return refuse("the archive is damaged: %w", err)
	}
	for _, e := range z.File {
		mode := e.Mode()
		if !mode.IsRegular() && !mode.IsDir() {
			return refuse("%q in the archive is neither a file nor a folder", cut(e.Name))
		}
		if err := u.zipped(e, mode); err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacker) zipped(e *zip.File, mode fs.FileMode) error {
	r, err := e.Open()
	if err != nil {
		return refuse("the archive is damaged: %w", err)
	}
	defer r.Close()
	const unix, macOS = 3, 19
	if by := e.CreatorVersion >> 8; by != unix && by != macOS || mode.Perm() == 0 {
		mode = mode&fs.ModeDir | 0o644 // made where files have no modes
	}
	return u.entry(e.Name, mode.IsDir(), mode, r)
}

// entry unpacks one file or folder.
func (u *unpacker) entry(name string, dir bool, mode fs.FileMode, r io.Reader) error {
	clean := strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/")
	if clean == "" || clean == "." {
		return nil
	}
	if u.entries++; u.entries > maxEntries {
		return refuse("the archive has more than %d files", maxEntries)
	}
	switch {
	case len(clean) > maxPath || strings.ContainsAny(clean, "\\\x00:") || path.Clean(clean) != clean || !fs.ValidPath(clean):
		return refuse("%q in the archive leads elsewhere", cut(name))
	case mode&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky) != 0:
		return refuse("%q in the archive would run with another user's rights", cut(name))
	case mode.Perm()&0o002 != 0:
		return refuse("%q in the archive could be changed by anybody", cut(name))
	case dir:
		return u.folder(clean)
	case u.seen[clean]:
		return refuse("%q is in the archive twice", cut(name))
	}
	u.seen[clean] = true
	if err := u.folder(path.Dir(clean)); err != nil {
		return err
	}
	perm := fs.FileMode(0o644)
	if mode.Perm()&0o100 != 0 {
		perm = 0o755
	}
	return u.file(clean, perm, r)
}

func (u *unpacker) folder(name string) error {
	if name == "." {
		return nil
	}
	if err := u.root.MkdirAll(name, 0o755); err != nil {
		return refuse("the archive has %q both as a file and as a folder: %w", cut(name), err)
	}
	return nil
}

func (u *unpacker) file(name string, perm fs.FileMode, r io.Reader) error {
	out, err := u.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, perm)
	if err != nil {
		return refuse("%q in the archive can't be unpacked: %w", cut(name), err)
	}
	limit := min(maxFile, maxUnpacked-u.bytes)
	n, err := io.Copy(out, io.LimitReader(r, limit+1))
	u.bytes += n
	if cerr := out.Close(); cerr != nil {
		return fmt.Errorf("install: unpack: %w", cerr)
	}
	if err != nil {
		return refuse("the archive is damaged: %w", err)
	}
	if n > limit {
		return refuse("the archive holds too much: at most %d MiB a file and %d MiB together", maxFile>>20, maxUnpacked>>20)
	}
	return nil
}

func cut(s string) string {
	const most = 80
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
