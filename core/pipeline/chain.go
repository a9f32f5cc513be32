package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/patchbay-io/patchbay/configs"
	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/core/stage/dedup"
	"github.com/patchbay-io/patchbay/core/stage/enrich"
	"github.com/patchbay-io/patchbay/core/stage/filter"
	"github.com/patchbay-io/patchbay/core/stage/normalize"
	"github.com/patchbay-io/patchbay/core/stage/redact"
	"github.com/patchbay-io/patchbay/core/stage/route"
	"github.com/patchbay-io/patchbay/core/stage/set"
)

// Chain is what the stages of a pipeline are made with. All fields but the last are needed.
type Chain struct {
	Journal *journal.Journal
	Staged  *journal.Log
	// Table finds the rows of a configured lookup.
	Table func(*config.Lookup) enrich.Table
	// Number returns the numbers of sinks.
	Number func([]*config.Sink) ([]uint32, error)
	// Kept returns the stage of that number if it is there already and goes on.
	// Nil means that none is.
	Kept func(int) stage.Stage
}

// Compile makes the stages of p, one for each that is written, in that order. A
// stage that has a method Run(context.Context) error needs it beside the lanes.
func (c *Chain) Compile(p *config.Pipeline) ([]stage.Stage, error) {
	var out []stage.Stage
	for i := range p.Stages {
		if c.Kept != nil {
			if st := c.Kept(i); st != nil {
				out = append(out, st)
				continue
			}
		}
		st, err := c.stage(p, &p.Stages[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", where(&p.Stages[i]), err)
		}
		out = append(out, st)
	}
	return out, nil
}

// where is the place of a stage as explain shows it: "main.hcl:12".
func where(s *config.Stage) string {
	return fmt.Sprintf("%s:%d", s.Range.Filename, s.Range.Start.Line)
}

func (c *Chain) stage(p *config.Pipeline, s *config.Stage) (stage.Stage, error) {
	switch s.Kind {
	case config.KindDedup:
		return dedup.New(c.Journal, c.Staged.Number(), s.Dedup.Window, time.Now)
	case config.KindNormalize:
		return normalizer(p, s.Normalize)
	case config.KindEnrich:
		return enrich.New(s.Enrich, c.Table(s.Enrich.Lookup))
	case config.KindSet:
		return set.New(s.Set)
	case config.KindRedact:
		return redact.New(s.Redact)
	case config.KindFilter:
		return filter.New(s.Filter.When, where(s)), nil
	case config.KindRoute:
		to, err := c.Number(s.Route.To)
		if err != nil {
			return nil, err
		}
		return route.New(s.Route.When, to), nil
	}
	return nil, fmt.Errorf("stage %q is unknown", s.Kind)
}

// normalizer reads the mapping tables of the pipeline's providers: the
// configuration's own file for all of them, or the bundled ones.
func normalizer(p *config.Pipeline, n *config.Normalize) (*normalize.Stage, error) {
	tables := map[string]*normalize.Table{}
	for _, s := range p.From {
		var data []byte
		var err error
		if n.Mapping != "" {
			data, err = os.ReadFile(n.Mapping)
		} else {
			data, err = configs.FS.ReadFile("mapping/" + s.Type + ".csv")
			if errors.Is(err, fs.ErrNotExist) {
				continue // a source may set the types by itself
			}
		}
		if err != nil {
			return nil, err
		}
		t, err := normalize.Parse(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("mapping of %s: %w", s.Type, err)
		}
		tables[s.Type] = t
	}
	return normalize.New(tables), nil
}
