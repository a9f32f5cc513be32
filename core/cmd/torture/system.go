package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/patchbay-io/patchbay/core/lab"
)

// token signs the Twilio requests; it opens nothing.
const token = "torture-token-0123456789abcdef"

const (
	twilioPath   = "/hooks/twilio/load"
	sendgridPath = "/hooks/sendgrid/load"
	publicURL    = "https://hooks.example.com"
)

// configuration is what is tortured. Its holes are the receiver's address and
// the SendGrid key.
const configuration = `
receiver {
  listen     = "%s"
  public_url = "` + publicURL + `"
}
admin {
  listen = "127.0.0.1:0"
}
source "twilio" "load" {
  auth_token = secret("env:TORTURE_TOKEN")
}
source "sendgrid" "load" {
  public_key = "%s"
}
sink "sqlite" "facts" {
  path = "events.db"
}
sink "append" "copy" {
  path = "appended.txt"
}
pipeline "messaging" {
  from = [source.twilio.load, source.sendgrid.load]
  dedup {
    window = "168h"
  }
  normalize {}
  to = [sink.sqlite.facts, sink.append.copy]
}
`

// The sinks' addresses in it.
const (
	sqliteSink     = "sqlite.facts"
	appendSinkName = "append.copy"
)

// The programs of the plugins at work.
const (
	sms       = "patchbay-plugin-sms"
	email     = "patchbay-plugin-email"
	warehouse = "patchbay-plugin-warehouse"
)

// system is a patchbay that is started over and over on the same data. Only one
// goroutine starts and kills it.
type system struct {
	*lab.Core
	patchbay, dir, addr string
	plugins             string // a folder with plugins besides patchbay's own
	facts               *lab.Facts
	sendgrid            *lab.SendGrid
}

func newSystem(patchbay, dir string) (*system, error) {
	s := &system{patchbay: patchbay, dir: dir, facts: lab.OpenFacts(filepath.Join(dir, "events.db"))}
	var err error
	if s.sendgrid, err = lab.NewSendGrid(); err != nil {
		return nil, err
	}
	key, err := s.sendgrid.PublicKey()
	if err != nil {
		return nil, err
	}
	if s.addr, err = lab.FreeAddr(); err != nil {
		return nil, err
	}
	s.plugins = filepath.Join(dir, "plugins")
	if err := os.Mkdir(s.plugins, 0o700); err != nil {
		return nil, err
	}
	if err := installAppender(s.plugins); err != nil {
		return nil, err
	}
	text := fmt.Sprintf(configuration, s.addr, key)
	return s, os.WriteFile(filepath.Join(dir, "torture.hcl"), []byte(text), 0o600)
}

// launch starts the core and does not wait.
func (s *system) launch() (err error) {
	s.Core, err = lab.Launch(s.patchbay, s.dir, "TORTURE_TOKEN="+token, "PATCHBAY_PLUGIN_DIR="+s.plugins)
	return err
}

func (s *system) start(ctx context.Context) error {
	if err := s.launch(); err != nil {
		return err
	}
	if err := s.WaitReady(ctx); err != nil {
		s.kill()
		return err
	}
	return nil
}

// kill ends the core if there is one; its plugins follow it.
func (s *system) kill() {
	if s.Core != nil {
		s.Kill()
	}
}

// orphanTime is how long a plugin may outlive its core (F18).
const orphanTime = 2 * time.Second

// gone waits until no process that mine picks is left of a core that ended,
// orphanTime at most (I17).
func (s *system) gone(mine func(pid int) bool) error {
	deadline := time.Now().Add(orphanTime)
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for {
		left, err := lab.Leftovers(s.dir)
		if err != nil {
			return err
		}
		maps.DeleteFunc(left, func(pid int, _ string) bool { return !mine(pid) })
		if len(left) == 0 {
			return nil
		}
		if now := <-t.C; now.After(deadline) {
			return fmt.Errorf("processes that outlived their core: %v", left)
		}
	}
}

// plugin finds the process of a plugin of the running core, 0 if none runs.
func (s *system) plugin(name string) (int, error) {
	children, err := s.Children()
	if err != nil {
		return 0, err
	}
	for pid, n := range children {
		if n == name {
			return pid, nil
		}
	}
	return 0, nil
}

// signal sends a signal to a process if it still is a child of the running core.
func (s *system) signal(pid int, sig syscall.Signal) (bool, error) {
	children, err := s.Children()
	if err != nil || children[pid] == "" {
		return false, err
	}
	return syscall.Kill(pid, sig) == nil, nil
}

// read reads what the sinks hold.
func (s *system) read() (*sinks, error) {
	k := &sinks{rows: map[fact]int{}}
	err := s.facts.Messages(func(message, word string, n int) { k.rows[fact{message, word}] = n })
	if err != nil {
		return nil, err
	}
	k.appended, err = readAppended(filepath.Join(s.dir, "appended.txt"))
	return k, err
}
