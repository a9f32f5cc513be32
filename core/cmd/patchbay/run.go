package main

import (
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/engine"
	"github.com/patchbay-io/patchbay/core/lint"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

func (a *app) runCommand() *cobra.Command {
	var s setup
	cmd := &cobra.Command{
		Use:   "run [DIR]",
		Short: "Run a configuration until SIGINT or SIGTERM",
		Long: `Run starts the configuration in DIR. The first SIGINT or SIGTERM stops it in order:
what was accepted is kept and goes on at the next start. A second one ends it at
once, which loses nothing either. Logs go to stderr.

SIGHUP has the configuration read again and changes to it; so do patchbay apply
and patchbay reload. One with mistakes changes nothing.`,
		Example: "  patchbay run\n  patchbay run /etc/patchbay --log-level warn",
		Args:    atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			engine.LimitMemory()
			s.processors = engine.ShareProcessors()
			log, setMask := a.logger()
			reload, stop := hangups()
			defer stop()
			s.reload = reload
			e, cfg, diags, err := a.prepare(cmd.Context(), dirArg(args), &s, true, log, setMask)
			if err != nil {
				return err
			}
			if e == nil {
				return &problem{exit: exitInvalid, code: "configuration", err: errors.New("the configuration has errors; nothing was started"), diags: diags}
			}
			logFindings(log, lint.Silence(cfg.Files, append(diags, lint.Check(cfg)...), false))
			if err := e.Run(cmd.Context()); err != nil {
				return err
			}
			return a.answer(struct {
				Stopped bool `json:"stopped"`
			}{true}, nil, func() error { return nil })
		},
	}
	s.flags(cmd)
	return cmd
}

// logFindings logs what a configuration that starts nevertheless does not
// guarantee. Notes are for validate.
func logFindings(log zerolog.Logger, diags diag.List) {
	for i := range diags {
		if diags[i].Severity != diag.Note {
			log.Warn().Str("code", string(diags[i].Code)).Msg(diags[i].Error())
		}
	}
}

// hangups passes SIGHUP on. Several that come while nobody listens are one.
func hangups() (<-chan struct{}, func()) {
	signals, out, done := make(chan os.Signal, 1), make(chan struct{}), make(chan struct{})
	signal.Notify(signals, syscall.SIGHUP)
	go func() {
		for {
			select {
			case <-signals:
			case <-done:
				return
			}
			select {
			case out <- struct{}{}:
			case <-done:
				return
			}
		}
	}()
	return out, func() {
		signal.Stop(signals)
		close(done)
	}
}
