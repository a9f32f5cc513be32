package lockfile

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/patchbay-io/patchbay/core/diag"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var hash = strings.Repeat("0123456789abcdef", 4)

func sample() *File {
	return &File{Plugins: []*Plugin{
		{Address: "patchbay/sms", Version: "0.1.0", Protocol: 1, Types: []string{"source.vonage", "source.twilio"}, Hashes: map[string]string{"linux_amd64": hash}},
		{Address: "acme.example/team/acme", Version: "1.0.3-rc.1", Protocol: 2, Types: []string{"sink.acme"}, Hashes: map[string]string{"linux_arm64": hash, "darwin_arm64": hash}},
	}}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s\n got:\n%s\nwant:\n%s", file, got, want)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	golden(t, "testdata/lock.golden", sample().Bytes())
}

func TestWrong(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/wrong/*.hcl")
	if err != nil || len(files) < 10 {
		t.Fatalf("got %d cases (%v), want at least 10", len(files), err)
	}
	marker := regexp.MustCompile(`# WRONG`)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			f, diags := Parse(src, "lock.hcl")
			if f != nil || !diags.HasErrors() {
				t.Fatalf("got %v, %v, want it refused", f, diags)
			}
			var want, got []int
			for i, line := range strings.Split(string(src), "\n") {
				if marker.MatchString(line) {
					want = append(want, i+1)
				}
			}
			for _, d := range diags {
				if d.Code != diag.LockInvalid {
					t.Errorf("got the code %s, want %s", d.Code, diag.LockInvalid)
				}
				got = append(got, d.Subject.Start.Line)
			}
			if !slices.Equal(slices.Compact(got), want) {
				t.Errorf("lines: got %v, want %v", got, want)
			}
			golden(t, strings.TrimSuffix(file, ".hcl")+".golden", []byte(diags.Text(map[string][]byte{"lock.hcl": src})))
		})
	}
}

// TestReadWrite: what is written is read again, and a missing file is no lock.
func TestReadWrite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), Name)
	if f, _, diags := Read(path); f != nil || len(diags) > 0 {
		t.Fatalf("no file: got %v, %v", f, diags)
	}
	want := sample()
	if err := want.Write(path); err != nil {
		t.Fatal(err)
	}
	got, _, diags := Read(path)
	if len(diags) > 0 || !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Fatalf("got %s, %v", got.Bytes(), diags)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(left) != 1 {
		t.Errorf("left %v beside the lock", left)
	}
	if p := got.Find("acme"); p == nil || p.Address != "acme.example/team/acme" || got.Find("other") != nil || (*File)(nil).Find("acme") != nil {
		t.Errorf("find: got %+v", p)
	}
	if _, _, diags := Read(filepath.Dir(path)); !diags.HasErrors() {
		t.Error("a directory: got no diagnostics")
	}
	if err := want.Write(filepath.Join(path, "x")); err == nil {
		t.Error("a path below a file: got no error")
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	a, b := sample(), sample()
	if d := Diff(a, b); len(d) != 0 {
		t.Errorf("same: got %v", d)
	}
	b.Remove("sms")
	b.Put(&Plugin{Address: "z.example/new", Version: "2.0.0"})
	p := b.Find("acme")
	p.Version, p.Protocol, p.Types = "1.0.4", 3, nil
	p.Hashes = map[string]string{"linux_amd64": hash, "linux_arm64": "x"}
	var got []string
	for _, c := range Diff(a, b) {
		got = append(got, c.String())
	}
	want := []string{
		"~ acme.example/team/acme version 1.0.3-rc.1 -> 1.0.4",
		"~ acme.example/team/acme protocol 2 -> 3",
		"- acme.example/team/acme types sink.acme",
		"- acme.example/team/acme darwin_arm64 s256:" + hash,
		"+ acme.example/team/acme linux_amd64 s256:" + hash,
		"~ acme.example/team/acme linux_arm64 s256:" + hash + " -> s256:x",
		"+ z.example/new plugin 2.0.0",
		"- patchbay/sms plugin 0.1.0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if c := a.Clone(); len(Diff(a, c)) > 0 || &c.Plugins[0].Hashes == &a.Plugins[0].Hashes || (*File)(nil).Clone() == nil {
		t.Error("a clone differs")
	}
	if d := Diff(nil, a); len(d) != 2 {
		t.Errorf("from nothing: got %v", d)
	}
}

// TestRoundTrip: every lock that can be made is read as what it was.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := &File{}
		for range rapid.IntRange(0, 4).Draw(t, "plugins") {
			p := &Plugin{
				Address:  rapid.StringMatching(`[a-z0-9][a-z0-9.-]{0,8}(/[a-z0-9][a-z0-9.-]{0,8})?/[a-z][a-z0-9-]{0,8}`).Draw(t, "address"),
				Version:  rapid.StringMatching(`(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]?)\.(0|[1-9][0-9]?)(-[a-z]{1,5}\.[1-9])?`).Draw(t, "version"),
				Protocol: rapid.IntRange(1, 9).Draw(t, "protocol"),
				Types:    rapid.SliceOfNDistinct(rapid.StringMatching(`(source|sink)\.[a-z][a-z0-9_-]{0,9}`), 0, 4, rapid.ID[string]).Draw(t, "types"),
				Hashes:   rapid.MapOfN(rapid.StringMatching(`[a-z]{2,7}_[a-z0-9]{2,7}`), rapid.StringMatching(`[0-9a-f]{64}`), 1, 4).Draw(t, "hashes"),
			}
			f.Put(p)
		}
		got, diags := Parse(f.Bytes(), "lock")
		if len(diags) > 0 {
			t.Fatalf("%s\n%s", f.Bytes(), diags.Text(nil))
		}
		if d := Diff(f, got); len(d) > 0 || !bytes.Equal(f.Bytes(), got.Bytes()) {
			t.Fatalf("got\n%s\nwant\n%s\n%v", got.Bytes(), f.Bytes(), d)
		}
	})
}

// FuzzParse: no input panics, and what is accepted has canonical text.
func FuzzParse(f *testing.F) {
	f.Add(sample().Bytes())
	files, _ := filepath.Glob("testdata/wrong/*.hcl")
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		lock, diags := Parse(src, "lock")
		if (lock == nil) != (len(diags) > 0) {
			t.Fatalf("got %v and %v", lock, diags)
		}
		if lock == nil {
			return
		}
		again, diags := Parse(lock.Bytes(), "lock")
		if len(diags) > 0 || !bytes.Equal(again.Bytes(), lock.Bytes()) {
			t.Fatalf("not canonical:\n%s\n%v", lock.Bytes(), diags)
		}
	})
}
