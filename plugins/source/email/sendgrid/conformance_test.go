package sendgrid

import (
	"testing"

	"github.com/patchbay-io/patchbay/sdk/sdktest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Not parallel: the suite looks for goroutines left behind.
func TestConformance(t *testing.T) { sdktest.Source[Config](t, New(), "testdata") }
