package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/lockfile"
)

// TestTamperedWhileRunning: a program that is changed under a running core
// changes nothing: a reload is refused, and a plugin that dies comes back from
// the bytes that were pinned.
func TestTamperedWhileRunning(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir, build := t.TempDir(), filepath.Join(t.TempDir(), testPlugin)
	data, err := os.ReadFile(filepath.Join(pluginDir(t), testPlugin))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(build, append(data, "another build"...), 0o755); err != nil {
		t.Fatal(err)
	}
	rewrite(t, dir, runConfig)
	if out, err := patchbay(ctx, t, "plugin", "install", build, "--dir", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p := startRun(ctx, t, dir)
	defer p.stop(t)

	program := filepath.Join(dir, ".patchbay", "plugins", "local", "test", "0.0.1", testPlugin+"_v0.0.1_p1_"+lockfile.Platform())
	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, []byte("#!/bin/sh\ntouch "+filepath.Join(dir, "ran")+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	reload := patchbay(ctx, t, "reload", dir)
	if out, _ := reload.CombinedOutput(); reload.ProcessState.ExitCode() != exitInvalid || !strings.Contains(string(out), "PB2414") {
		t.Errorf("reload: got exit code %d and\n%s\nwant %d and PB2414", reload.ProcessState.ExitCode(), out, exitInvalid)
	}

	pids := regexp.MustCompile(`"pid":"(\d+)"`)
	status := func() (string, []string) {
		out, _ := patchbay(ctx, t, "status", "-json", "-dir", dir).Output()
		var all []string
		for _, m := range pids.FindAllStringSubmatch(string(out), -1) {
			all = append(all, m[1])
		}
		return string(out), all
	}
	text, before := status()
	if len(before) != 2 {
		t.Fatalf("got the plugins %q, want two:\n%s", before, text)
	}
	for _, pid := range before {
		n, err := strconv.Atoi(pid)
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(n, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	until(ctx, t, func() bool {
		_, after := status() // a plugin has a pid while it runs
		return len(after) == 2 && after[0] != before[0] && after[1] != before[1]
	})
	if _, err := os.Stat(filepath.Join(dir, "ran")); err == nil {
		t.Error("the changed program was run")
	}
}
