package main

import (
	"fmt"
	"runtime"

	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    "Version prints the versions of patchbay, of the journal's format, and of Go.",
		Example: "  patchbay version --json",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			v := struct {
				Version string `json:"version"`
				Journal int    `json:"journal_format"`
				Go      string `json:"go"`
			}{sdk.Version, journal.FormatVersion, runtime.Version()}
			return a.answer(v, nil, func() error {
				_, err := fmt.Fprintf(a.stdout, "patchbay %s (journal format %d, %s)\n", v.Version, v.Journal, v.Go)
				return err
			})
		},
	}
}
