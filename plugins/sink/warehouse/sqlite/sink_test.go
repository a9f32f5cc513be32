package sqlite

import (
	"crypto/sha256"
	"testing"

	"github.com/patchbay-io/patchbay/sdk"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// digest makes an id of a name, as core makes them of identities.
func digest(name string) sdk.ID {
	sum := sha256.Sum256([]byte(name))
	return sdk.ID(sum[:16])
}
