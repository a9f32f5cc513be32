package sdk

import (
	"context"
	"os"

	"github.com/rs/zerolog"
)

// Log returns the plugin's logger. It writes to standard error, from where core
// takes it into its own log with the block's address. Never log a payload, a
// recipient, a token or a signature.
func Log(ctx context.Context) *zerolog.Logger {
	if l := zerolog.Ctx(ctx); l.GetLevel() != zerolog.Disabled {
		return l
	}
	return &stderrLog
}

var stderrLog = zerolog.New(os.Stderr)
