package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run()) }

// run is main with an exit code.
func run() int {
	ctx, stop := untilSignal(context.Background())
	defer stop()
	a := &app{stdout: os.Stdout, stderr: os.Stderr, env: os.LookupEnv, now: time.Now}
	return a.run(ctx, os.Args[1:])
}

// untilSignal ends the context with the first SIGINT or SIGTERM, so that what
// runs can stop in order, and the process with the second.
func untilSignal(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
			cancel()
		case <-done:
			return
		}
		select {
		case <-signals:
			os.Exit(exitInternal)
		case <-done:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}

// app is one invocation.
type app struct {
	stdout, stderr io.Writer
	env            func(string) (string, bool)
	now            func() time.Time

	json     bool
	logLevel string
	command  string // that was called, e.g. "dlq list"
	files    map[string][]byte
}

func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(longFlags(root, args))
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	return a.fail(err)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "patchbay",
		Short:         "Carries message webhooks into a reporting stack without losing or doubling an event",
		SilenceErrors: true,
		SilenceUsage:  true,
		// Whoever asks for nothing is shown what there is.
		RunE: func(cmd *cobra.Command, _ []string) error { return a.helpOn(cmd) },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			a.command = commandName(cmd)
			_, err := parseLevel(a.logLevel)
			return err
		},
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		a.command = commandName(cmd)
		return usage("%v; see: patchbay help %s", err, a.command)
	})
	root.PersistentFlags().BoolVar(&a.json, "json", false, "answer with one JSON object")
	root.PersistentFlags().StringVar(&a.logLevel, "log-level", "info", "least severe messages to log: debug, info, warn, error")
	root.AddCommand(
		a.runCommand(), a.validateCommand(), a.triggerCommand(), a.explainCommand(), a.eventsCommand(), a.dlqCommand(),
		a.statusCommand(), a.accountCommand(), a.journalCommand(), a.pluginCommand(), a.versionCommand(),
		a.fmtCommand(), a.completionCommand(),
		a.testCommand(), a.tapCommand(),
		a.initCommand(), a.graphCommand(), a.docsCommand(), a.consoleCommand(), a.doctorCommand(),
		a.planCommand(), a.applyCommand(), a.reloadCommand(),
	)
	root.SetHelpCommand(a.helpCommand())
	a.completeFlags(root)
	return root
}

func commandName(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return ""
	}
	if parent := commandName(cmd.Parent()); parent != "" {
		return parent + " " + cmd.Name()
	}
	return cmd.Name()
}
