package plan

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"reflect"
	"slices"

	"github.com/patchbay-io/patchbay/core/config"
)

// Options say how a snapshot is taken. Key and Mask must be the same for all
// snapshots that are compared.
type Options struct {
	// Key makes what is kept of secrets useless to anybody else. It is random
	// and stays in the process.
	Key []byte
	// Mask blanks secrets and personal data out of a text. What it changes is
	// not shown at all. Nil changes nothing.
	Mask func(string) string
	// Program tells the versions of the program that serves a type apart; kind is
	// "source" or "sink". Nil means that it is always the same.
	Program func(kind, typ string) string
	// Content tells versions of a file apart that is read when the configuration
	// is put to work. Nil means that only its name counts.
	Content func(path string) string
}

// Snapshot is what a configuration comes down to. It does not change.
type Snapshot struct {
	units  []*unit
	digest [sha256.Size]byte
}

// unit is a block, or the only block of its kind.
type unit struct {
	kind, address string // "source", "source.twilio.support"
	attrs         []attr
	refs          []string // addresses of the units that it refers to
	path          string   // of a source's endpoint
}

// attr is one argument of a unit.
type attr struct {
	path  string
	group string // of a stage: what it is called
	text  string // as it may be shown
	sum   [sha256.Size]byte
	touch Touch
	mute  bool // text says nothing: a secret, or a program
	order bool // an order of what is compared by itself
	mark  bool // a group that is there
}

// Take takes a configuration without errors apart.
func Take(cfg *config.Config, o Options) *Snapshot {
	s := &Snapshot{}
	t := &taker{o: o, rules: rules()}
	s.units = append(s.units,
		t.unit("patchbay", "patchbay", Process, reflect.ValueOf(*cfg)),
		t.unit("receiver", "receiver", Process, reflect.ValueOf(cfg.Receiver)),
		t.unit("admin", "admin", Process, reflect.ValueOf(cfg.Admin)),
		t.unit("journal", "journal", Process, reflect.ValueOf(cfg.Journal)))
	for _, c := range cfg.Sources {
		u := t.unit("source", "source."+c.Address, Plugin, reflect.ValueOf(*c))
		u.path = c.Path
		t.program(u, "source", c.Type)
		s.units = append(s.units, u)
	}
	for _, c := range cfg.Sinks {
		u := t.unit("sink", "sink."+c.Address, Plugin, reflect.ValueOf(*c))
		t.program(u, "sink", c.Type)
		s.units = append(s.units, u)
	}
	for _, c := range cfg.Lookups {
		s.units = append(s.units, t.unit("lookup", "lookup."+c.Address, Table, reflect.ValueOf(*c)))
	}
	for _, c := range cfg.Pipelines {
		s.units = append(s.units, t.unit("pipeline", "pipeline."+c.Name, Lanes|Dispatch, reflect.ValueOf(*c)))
	}
	s.seal()
	return s
}

// seal computes the digest. Units and arguments count in any order: which file a
// block is in makes no difference.
func (s *Snapshot) seal() {
	var lines []string
	for _, u := range s.units {
		lines = append(lines, u.address)
		for _, a := range u.attrs {
			lines = append(lines, fmt.Sprintf("%s %s %x", u.address, a.path, a.sum))
		}
	}
	slices.Sort(lines)
	h := sha256.New()
	for _, l := range lines {
		fmt.Fprintln(h, l)
	}
	h.Sum(s.digest[:0])
}

func (s *Snapshot) find(address string) *unit {
	for _, u := range s.units {
		if u.address == address {
			return u
		}
	}
	return nil
}

// Stage returns what stands for a stage of a pipeline, all of it: two stages
// with the same text do the same. The number counts from 0.
func (s *Snapshot) Stage(pipeline string, number int) string {
	u := s.find("pipeline." + pipeline)
	if u == nil {
		return ""
	}
	var groups []string
	out := ""
	for _, a := range u.attrs {
		if a.group != "" && !slices.Contains(groups, a.group) {
			groups = append(groups, a.group)
		}
		if len(groups) == number+1 && a.group == groups[number] {
			out += fmt.Sprintf("%s %x\n", a.path, a.sum)
		}
	}
	return out
}

func (t *taker) program(u *unit, kind, typ string) {
	if t.o.Program == nil {
		return
	}
	u.attrs = append(u.attrs, attr{path: "program", sum: t.sum(t.o.Program(kind, typ)), touch: Plugin, mute: true})
}

func (t *taker) sum(text string) (out [sha256.Size]byte) {
	h := hmac.New(sha256.New, t.o.Key)
	h.Write([]byte(text))
	h.Sum(out[:0])
	return out
}
