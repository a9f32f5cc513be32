package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
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
	// One command links them side by side, and names each by its folder.
	args := []string{"build", "-ldflags", "-s -w", "-o", dir + string(filepath.Separator)}
	for _, p := range programs() {
		args = append(args, "github.com/patchbay-io/patchbay/"+p[1])
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	// As they are released, also where the test itself is built with cgo.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("lab: build: %w\n%s", err, out)
	}
	for _, p := range programs() {
		if err := os.Rename(filepath.Join(dir, path.Base(p[1])), filepath.Join(dir, p[0])); err != nil {
			return "", fmt.Errorf("lab: build: %w", err)
		}
	}
	return filepath.Join(dir, programs()[0][0]), nil
}
