package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/core/catalog"
	"go.uber.org/goleak"
)

// TestMain is a plugin's main too: the tests install this program as one.
func TestMain(m *testing.M) {
	if strings.HasPrefix(filepath.Base(os.Args[0]), catalog.Prefix) {
		servePlugin()
		return
	}
	goleak.VerifyTestMain(m)
}
