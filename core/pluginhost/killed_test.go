package pluginhost

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCoreKilled proves F18: when core is killed, its plugins end, those that
// run from a sealed copy as well.
func TestCoreKilled(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(self())
	if err != nil {
		t.Fatal(err)
	}
	for name, hash := range map[string]string{"by path": "", "pinned": fmt.Sprintf("%x", sha256.Sum256(data))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			coreKilled(t, hash)
		})
	}
}

func coreKilled(t *testing.T, hash string) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self())
	cmd.Env = append(os.Environ(), modeEnv+"=core", "PATCHBAY_TEST_PLUGIN_FIFO="+fifo, "PATCHBAY_TEST_PIN="+hash)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(fifo)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.HasPrefix(line, "running") {
		t.Fatalf("core: got %q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	ended := make(chan struct{})
	go func() {
		_, _ = f.Read(make([]byte, 1)) // ends when the plugin's end is closed
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("F18: the plugin lives on without core")
		_ = f.Close()
		<-ended
	}
}
