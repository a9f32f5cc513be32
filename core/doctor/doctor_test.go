package doctor

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func options(dir string) Options {
	return Options{
		Now: time.Now,
		Config: &config.Config{
			DataDir:  dir,
			Receiver: config.Receiver{Listen: "127.0.0.1:0", PublicURL: "https://hooks.example.com", MaxConnections: 10},
			Admin:    config.Admin{Listen: "127.0.0.1:0"}, Journal: config.Journal{MinFree: 1},
		},
	}
}

// statusOf returns how a check came out, and its text.
func statusOf(t *testing.T, o Options, name string) (Status, string) {
	t.Helper()
	for _, c := range Examine(t.Context(), o) {
		if c.Status == Pass && c.Remedy != "" || c.Status != Pass && !strings.HasSuffix(c.Remedy, ".") {
			t.Errorf("%s came out as %s with the remedy %q", c.Name, c.Status, c.Remedy)
		}
		if c.Name == name {
			return c.Status, c.Detail + " " + c.Remedy
		}
	}
	return "", ""
}

func want(t *testing.T, o Options, name string, status Status, part string) {
	t.Helper()
	if got, text := statusOf(t, o, name); got != status || !strings.Contains(text, part) {
		t.Errorf("%s: got %s, %q, want %s with %q", name, got, text, status, part)
	}
}

func TestExamine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := options(filepath.Join(dir, "not", "yet"))
	want(t, o, "data directory", Pass, "is made at the first start")
	want(t, o, "writing", Pass, "")
	want(t, o, "journal", Pass, "none yet")
	want(t, o, "receiver", Pass, "is free")
	want(t, o, "admin", Pass, "is free")
	want(t, o, "public_url", Pass, "")
	want(t, o, "clock", Pass, "")
	if got, _ := statusOf(t, o, "sync"); got == Fail || got == "" {
		t.Errorf("sync: got %q", got)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("the examination left %v behind (%v)", entries, err)
	}
}

func TestDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, options(file), "data directory", Fail, "is not a directory")
	want(t, options(filepath.Join(file, "below")), "data directory", Fail, "not a directory")
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	want(t, options(open), "data directory", Pass, "exists")
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	want(t, options(open), "data directory", Warn, "chmod 700")
	info, err := os.Stat(open)
	if err != nil {
		t.Fatal(err)
	}
	if s, detail, _ := judgeMode(open, info, os.Geteuid()+1); s != Warn || !strings.Contains(detail, "belongs to user") {
		t.Errorf("got %s, %q for another's directory", s, detail)
	}
}

func TestJournal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := options(dir)
	j, err := journal.Open(journal.Options{
		Dir: filepath.Join(dir, "journal"), Log: zerolog.Nop(), CacheBytes: sampleMemory, MemTableBytes: sampleMemory, MinFree: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	want(t, o, "journal", Warn, "no core answers")
	o.Running = true
	want(t, o, "journal", Pass, "the running core")
	want(t, o, "receiver", Pass, "the running core's")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	o.Running = false
	want(t, o, "journal", Pass, "it opens")
	manifests, err := filepath.Glob(filepath.Join(dir, "journal", "MANIFEST-*"))
	if err != nil || len(manifests) == 0 {
		t.Fatalf("got %v, %v", manifests, err)
	}
	for _, m := range manifests {
		if err := os.WriteFile(m, []byte("damage"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want(t, o, "journal", Fail, "patchbay journal verify")
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := options(t.TempDir())
	o.Config.Receiver.Listen = l.Addr().String()
	o.Config.Admin.Listen = "192.0.2.1:1" // for documentation: no machine has it
	want(t, o, "receiver", Fail, "is taken")
	want(t, o, "admin", Fail, "Write another listen in the admin block")
	o.Config.Receiver.PublicURL = ""
	want(t, o, "public_url", Warn, "not set")
	o.Config.Receiver.PublicURL = "http://hooks.example.com"
	want(t, o, "public_url", Warn, "unencrypted")
	o.Config.Receiver.TLS = &config.TLS{CertFile: "none.pem", KeyFile: "none.pem"}
	want(t, o, "certificate", Fail, "none.pem")
}

func TestJudgements(t *testing.T) {
	t.Parallel()
	three := func(s Status, detail, remedy string) string { return fmt.Sprintf("%s: %s %s", s, detail, remedy) }
	const ms = time.Millisecond
	for got, want := range map[string]string{
		three(judgeSync(ms, 5*ms)):                                      "pass: median 1.0 ms, worst 5.0 ms",
		three(judgeSync(30*ms, 50*ms)):                                  "warn: median 30.0 ms",
		three(judgeSync(150*ms, 200*ms)):                                "warn: median 150.0 ms",
		three(judgeSync(ms, 3*time.Second)):                             "warn: median 1.0 ms, worst 3000.0 ms",
		three(judgeFree(100<<20, 256<<20)):                              "fail: 100 MiB free Below 256 MiB",
		three(judgeFree(512<<20, 256<<20)):                              "warn: 512 MiB free",
		three(judgeFree(20<<30, 256<<20)):                               "pass: 20.0 GiB free",
		three(judgeFree(10, 20)):                                        "fail: 10 bytes free",
		three(judgeKind(0x01021994)):                                    "warn: the data would lie in memory",
		three(judgeKind(0x6969)):                                        "warn: the data would lie on a network",
		three(judgeKind(0xef53)):                                        "pass: a local disk",
		three(judgeFiles(1024, 10000)):                                  "warn: 1024 may be open max_connections = 10000 needs 10256",
		three(judgeFiles(65536, 10000)):                                 "pass: 65536 may be open",
		three(judgeClock(time.Date(1970, 1, 1, 0, 0, 9, 0, time.UTC))):  "fail: 1970-01-01T00:00:09Z",
		three(judgeClock(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))): "pass: 2026-11-01T00:00:00Z",
	} {
		if !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestCanceled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	all := Examine(ctx, options(dir))
	if Count(all, Fail) != 1 {
		t.Errorf("got %+v", all)
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("left %v behind", entries)
	}
}
