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
	switch name, _ := strings.CutPrefix(filepath.Base(os.Args[0]), catalog.Prefix); name {
	case "checked":
		checkedPlugin()
		return
	case "test":
		servePlugin()
		return
	}
	goleak.VerifyTestMain(m)
}
