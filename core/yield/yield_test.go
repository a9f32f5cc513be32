package yield

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestRest: who keeps up rests four times as long as it worked, who is behind not
// at all, and nobody for longer than a quarter of a second.
func TestRest(t *testing.T) {
	t.Parallel()
	const work = 10 * time.Millisecond
	for name, c := range map[string]struct{ took, age, want time.Duration }{
		"new":                    {work, 0, 4 * work},
		"a quarter of the way":   {work, Behind / 4, 3 * work},
		"half way":               {work, Behind / 2, 2 * work},
		"behind":                 {work, Behind, 0},
		"far behind":             {work, time.Hour, 0},
		"stored in the future":   {work, -time.Hour, 4 * work},
		"work that took long":    {time.Minute, 0, maxRest},
		"for ever":               {1<<63 - 1, 0, maxRest},
		"long, and a bit behind": {time.Minute, Behind / 2, maxRest},
		"a clock set back":       {-time.Minute, 0, 0},
		"nothing":                {0, 0, 0},
	} {
		if got := Rest(c.took, c.age); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}
