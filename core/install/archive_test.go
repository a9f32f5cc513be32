package install

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/core/lockfile"
)

func tarball(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, h := range headers {
		text := h.Uname // the contents, so that a header says it all
		h.Uname = ""
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		h.Size = int64(len(text))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipped(t testing.TB, headers ...zip.FileHeader) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, h := range headers {
		text := h.Comment
		h.Comment = ""
		f, err := w.CreateHeader(&h)
		if err == nil {
			_, err = io.WriteString(f, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unpackBytes(t testing.TB, data []byte) (dir string, err error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "archive")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dir = t.TempDir()
	return dir, unpack(f, dir)
}

func mode(h zip.FileHeader, m fs.FileMode) zip.FileHeader {
	h.SetMode(m)
	return h
}

// TestArchiveRefused: an archive that tries anything is refused as a whole (I12).
func TestArchiveRefused(t *testing.T) {
	t.Parallel()
	many := make([]tar.Header, maxEntries+1)
	for i := range many {
		many[i] = tar.Header{Name: strings.Repeat("x", 1+i%100) + "/" + strings.Repeat("y", 1+i/100)}
	}
	good := tarball(t, tar.Header{Name: "a", Uname: "text"})
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"climbs":           {tarball(t, tar.Header{Name: "../a"}), "leads elsewhere"},
		"climbs inside":    {tarball(t, tar.Header{Name: "a/../../b"}), "leads elsewhere"},
		"absolute":         {tarball(t, tar.Header{Name: "/etc/passwd"}), "leads elsewhere"},
		"backslash":        {tarball(t, tar.Header{Name: `a\..\b`}), "leads elsewhere"},
		"drive":            {tarball(t, tar.Header{Name: "c:a"}), "leads elsewhere"},
		"dot inside":       {tarball(t, tar.Header{Name: "a/./b"}), "leads elsewhere"},
		"long":             {tarball(t, tar.Header{Name: strings.Repeat("a/", 300) + "b"}), "leads elsewhere"},
		"symlink":          {tarball(t, tar.Header{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}), "neither a file nor a folder"},
		"hard link":        {tarball(t, tar.Header{Name: "a", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"}), "neither a file nor a folder"},
		"device":           {tarball(t, tar.Header{Name: "a", Typeflag: tar.TypeChar}), "neither a file nor a folder"},
		"pipe":             {tarball(t, tar.Header{Name: "a", Typeflag: tar.TypeFifo}), "neither a file nor a folder"},
		"setuid":           {tarball(t, tar.Header{Name: "a", Mode: 0o4755}), "another user's rights"},
		"sticky":           {tarball(t, tar.Header{Name: "a", Mode: 0o1755}), "another user's rights"},
		"for all to write": {tarball(t, tar.Header{Name: "a", Mode: 0o777}), "changed by anybody"},
		"twice":            {tarball(t, tar.Header{Name: "a"}, tar.Header{Name: "./a"}), "twice"},
		"file and folder":  {tarball(t, tar.Header{Name: "a"}, tar.Header{Name: "a/b"}), "both as a file and as a folder"},
		"many":             {tarball(t, many...), "more than 10000 files"},
		"cut":              {good[:len(good)-12], "damaged"},
		"no tar":           {good[:12], "damaged"},
		"nothing":          {nil, "neither a .tar.gz nor"},
		"text":             {[]byte("hello"), "neither a .tar.gz nor"},
		"zip climbs":       {zipped(t, zip.FileHeader{Name: "../a"}), "leads elsewhere"},
		"zip absolute":     {zipped(t, zip.FileHeader{Name: "/a"}), "leads elsewhere"},
		"zip symlink":      {zipped(t, mode(zip.FileHeader{Name: "a", Comment: "/etc/passwd"}, fs.ModeSymlink|0o777)), "neither a file nor a folder"},
		"zip setuid":       {zipped(t, mode(zip.FileHeader{Name: "a"}, fs.ModeSetuid|0o755)), "another user's rights"},
		"zip twice":        {zipped(t, zip.FileHeader{Name: "a"}, zip.FileHeader{Name: "a"}), "twice"},
		"zip cut":          {[]byte("PK\x03\x04"), "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := unpackBytes(t, c.data)
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestBomb: a small archive of a large file stops at the bound (I12).
func TestBomb(t *testing.T) {
	t.Parallel()
	u := &unpacker{seen: map[string]bool{}, bytes: maxUnpacked - 1000}
	var err error
	if u.root, err = os.OpenRoot(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	defer u.root.Close()
	z := zeros{}
	if err := u.entry("a", false, 0o644, &z); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "too much") {
		t.Errorf("got %v", err)
	}
	if z.n > 1<<20 {
		t.Errorf("read %d bytes, want little more than were left", z.n)
	}
}

// zeros never ends.
type zeros struct{ n int }

func (z *zeros) Read(p []byte) (int, error) {
	clear(p)
	z.n += len(p)
	return len(p), nil
}

// TestArchives: both forms, with a folder around everything or without.
func TestArchives(t *testing.T) {
	t.Parallel()
	name := file("1.0.3", lockfile.Platform())
	for what, data := range map[string][]byte{
		"tar":        tarball(t, tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755}, tar.Header{Name: "./" + name, Mode: 0o755, Uname: "1.0.3 x"}),
		"tar folder": tarball(t, tar.Header{Name: "acme_1.0.3/", Typeflag: tar.TypeDir, Mode: 0o755}, tar.Header{Name: "acme_1.0.3/" + name, Uname: "1.0.3 x"}),
		"zip":        zipped(t, zip.FileHeader{Name: name, Comment: "1.0.3 x"}),
		"zip folder": zipped(t, zip.FileHeader{Name: "acme/"}, mode(zip.FileHeader{Name: "acme/" + name, Comment: "1.0.3 x"}, 0o755)),
		"mirror":     tarball(t, tar.Header{Name: "a.example/acme/1.0.3/" + name, Uname: "1.0.3 x"}),
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			got, err := installAll(t, target(t), put(t, t.TempDir(), "archive", string(data)))
			if err != nil || len(got) != 1 || got[0].Entry.Version != "1.0.3" {
				t.Fatalf("got %v, %v", got, err)
			}
			if want := map[bool]string{true: "a.example/acme", false: "local/acme"}[what == "mirror"]; got[0].Entry.Address != want {
				t.Errorf("got the address %s, want %s", got[0].Entry.Address, want)
			}
		})
	}
}

// FuzzUnpack: whatever is unpacked lies in its folder, as plain files that nobody
// else can change.
func FuzzUnpack(f *testing.F) {
	f.Add(tarball(f, tar.Header{Name: "a/b", Uname: "text", Mode: 0o755}, tar.Header{Name: "../c"}))
	f.Add(zipped(f, zip.FileHeader{Name: "a/b", Comment: "text"}))
	f.Add([]byte("PK"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir, err := unpackBytes(t, data)
		if err != nil && !errors.Is(err, ErrRefused) {
			t.Fatal(err)
		}
		err = filepath.WalkDir(filepath.Dir(dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if !d.IsDir() && !d.Type().IsRegular() {
				t.Errorf("got %s, a %v", path, d.Type())
			}
			if rel, err := filepath.Rel(dir, path); err != nil || !filepath.IsLocal(rel) && !d.IsDir() && filepath.Base(path) != "archive" {
				t.Errorf("got %s outside of %s", path, dir)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
