package lab

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// programs are the packages of patchbay and the plugins that labs use, by the
// name of the program.
func programs() [][2]string {
	return [][2]string{
		{"patchbay", "core/cmd/patchbay"},
		{"patchbay-plugin-sms", "plugins/source/sms"},
		{"patchbay-plugin-email", "plugins/source/email"},
		{"patchbay-plugin-kafka", "plugins/sink/kafka"},
		{"patchbay-plugin-warehouse", "plugins/sink/warehouse"},
	}
}

// Build makes patchbay with the plugins that labs use in dir, so that a test of
// the whole needs no step before it. It returns the path of patchbay.
func Build(ctx context.Context, dir string) (string, error) {
	for _, p := range programs() {
		cmd := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, p[0]), "github.com/patchbay-io/patchbay/"+p[1])
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("lab: build %s: %w\n%s", p[1], err, out)
		}
	}
	return filepath.Join(dir, programs()[0][0]), nil
}
