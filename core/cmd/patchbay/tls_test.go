package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/lab"
)

// A core behind TLS with a client's certificate, an allow-list and a certificate
// that ends soon: what it lets in, what it says.
func TestRunTLS(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir, theirs := t.TempDir(), t.TempDir()
	a, err := lab.NewAuthority("test authority", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	leaf := lab.Leaf{Name: "hooks.example.com", NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(100 * time.Hour)}
	if err := a.Write(dir, leaf); err != nil {
		t.Fatal(err)
	}
	leaf.Name, leaf.Client = "provider", true
	if err := a.Write(theirs, leaf); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(runConfig, `receiver { listen = "127.0.0.1:0" }`, `receiver {
  listen = "127.0.0.1:0"
  tls {
    cert_file      = "cert.pem"
    key_file       = "key.pem"
    client_ca_file = "ca.pem"
  }
  allow           = ["127.0.0.1"]
  trusted_proxies = ["127.0.0.2"]
}
journal { min_free = "1MiB" }
source "twilio" "elsewhere" {
  auth_token         = secret("env:TW")
  allow              = ["203.0.113.0/24"]
  client_certificate = false
}`, 1)
	text = strings.Replace(text, "[source.twilio.support]", "[source.twilio.support, source.twilio.elsewhere]", 1)
	if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startRun(ctx, t, dir)
	say := func(wantExit int, want string, args ...string) {
		t.Helper()
		cmd := patchbay(ctx, t, append(args, "-dir", dir)...)
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != wantExit || !strings.Contains(string(out), want) {
			t.Errorf("patchbay %q: got exit code %d and\n%s\nwant %d and %q", args, got, out, wantExit, want)
		}
	}
	until(ctx, t, func() bool { // both sources are configured
		out, _ := patchbay(ctx, t, "status", "-json", "-dir", dir).Output()
		return strings.Contains(string(out), `"ready":true`)
	})
	here := []string{"trigger", "twilio", "delivered", "-to", "source.twilio.support"}
	say(exitInvalid, "it wants a client certificate", here...)
	say(0, "200 accepted", append(here, "-client-cert", filepath.Join(theirs, "cert.pem"), "-client-key", filepath.Join(theirs, "key.pem"))...)
	say(exitInvalid, "the client certificate cannot be used", append(here, "-client-cert", "nowhere.pem")...)
	say(exitInvalid, "is not in the source's allow", "trigger", "twilio", "delivered", "-to", "source.twilio.elsewhere")
	until(ctx, t, func() bool {
		out, _ := patchbay(ctx, t, "account", "-json", "-dir", dir).Output()
		return strings.Contains(string(out), `"refused_for":{"address_not_allowed":1}`) &&
			strings.Contains(string(out), `"refused_for":{"no_client_certificate":1}`)
	})
	say(0, "  refused for no_client_certificate 1", "account")
	say(0, "certificate of hooks.example.com, 127.0.0.1, ::1, until ", "status")
	say(0, "warning: the certificate expires on ", "status")
	p.stop(t)

	// Another certificate than the configured one is not the receiver's.
	leaf.Name, leaf.Client = "hooks.example.com", false
	p = startRun(ctx, t, dir)
	if err := a.Write(dir, leaf); err != nil {
		t.Fatal(err)
	}
	say(exitUnreachable, "another certificate than cert_file", here...)
	p.stop(t)
	if err := os.Remove(filepath.Join(dir, "key.pem")); err != nil {
		t.Fatal(err)
	}
	cmd := patchbay(ctx, t, "run", dir)
	if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != exitInvalid || !strings.Contains(string(out), "PB2305") {
		t.Errorf("run without its key: got exit code %d and\n%s\nwant %d and PB2305", cmd.ProcessState.ExitCode(), out, exitInvalid)
	}
	cmd = patchbay(ctx, t, "validate", dir)
	if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 0 || !strings.Contains(string(out), "Warning PB2305") {
		t.Errorf("validate without its key: got exit code %d and\n%s\nwant 0 and a warning", cmd.ProcessState.ExitCode(), out)
	}
}
