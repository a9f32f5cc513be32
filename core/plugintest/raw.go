package plugintest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// program is the plugin, started without go-plugin.
type program struct {
	cmd   *exec.Cmd
	stdin io.Closer
	lines chan string // of standard output
	ended chan struct{}
	err   error // how it ended; read it after ended

	mu     sync.Mutex
	stderr bytes.Buffer
}

// maxOutput bounds what of a program's output is kept.
const maxOutput = 64 << 10

// Write keeps what the program writes to standard error.
func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stderr.Write(b[:min(len(b), maxOutput-min(p.stderr.Len(), maxOutput))])
	return len(b), nil
}

func (p *program) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.TrimSpace(p.stderr.String())
}

// start starts the program with nothing but env and what programs need to find
// their files.
func start(path string, env ...string) (*program, error) {
	p := &program{cmd: exec.Command(path), lines: make(chan string, 100), ended: make(chan struct{})}
	for _, k := range []string{"PATH", "HOME", "TMPDIR", "LANG"} {
		if v, ok := os.LookupEnv(k); ok {
			p.cmd.Env = append(p.cmd.Env, k+"="+v)
		}
	}
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Stderr = p
	p.cmd.WaitDelay = time.Second
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("plugintest: pipe: %w", err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("plugintest: pipe: %w", err)
	}
	p.stdin = stdin
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("plugintest: start: %w", err)
	}
	go func() {
		defer close(p.ended)
		p.read(stdout)
		p.err = p.cmd.Wait()
	}()
	return p, nil
}

// read passes on the lines of standard output until it ends.
func (p *program) read(stdout io.Reader) {
	defer close(p.lines)
	sc := bufio.NewScanner(stdout)
	sc.Buffer(nil, maxOutput)
	for n := 0; sc.Scan(); n++ {
		if n < cap(p.lines) {
			p.lines <- sc.Text()
		}
	}
	_, _ = io.Copy(io.Discard, stdout)
}

// kill ends the program and all that it started, and waits for it.
func (p *program) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	_ = p.stdin.Close()
	<-p.ended
}

// endsWithin reports whether the program ends by itself.
func (p *program) endsWithin(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-p.ended:
		return true
	case <-t.C:
		return false
	}
}

// line is the next line of standard output.
func (p *program) line(d time.Duration) (string, error) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case l, ok := <-p.lines:
		if !ok {
			return "", fmt.Errorf("the program closed its standard output; to standard error it wrote: %s", p.said())
		}
		return l, nil
	case <-t.C:
		return "", fmt.Errorf("nothing on standard output within %s", d)
	}
}

// handshake is the line by which a plugin says where it listens.
type handshake struct {
	core, app, network, address, protocol string
	cert                                  *x509.Certificate // nil if there is none
}

func parseHandshake(line string) (*handshake, error) {
	parts := strings.Split(line, "|")
	if len(parts) < 5 {
		return nil, fmt.Errorf("the first line on standard output is %q, want 1|VERSION|unix|PATH|grpc|CERTIFICATE: nothing may be printed before it", line)
	}
	h := &handshake{core: parts[0], app: parts[1], network: parts[2], address: parts[3], protocol: parts[4]}
	if len(parts) > 5 && parts[5] != "" {
		der, err := base64.RawStdEncoding.DecodeString(parts[5])
		if err != nil {
			return h, errors.New("field 6 of the handshake is no base64 without padding")
		}
		if h.cert, err = x509.ParseCertificate(der); err != nil {
			return h, fmt.Errorf("field 6 of the handshake is no certificate in DER: %w", err)
		}
	}
	return h, nil
}

// tls is the host's side of mutual TLS with a plugin. Without an identity it shows none.
func (h *handshake) tls(id *pluginhost.Identity) credentials.TransportCredentials {
	roots := x509.NewCertPool()
	if h.cert != nil {
		roots.AddCert(h.cert)
	}
	c := &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS12}
	if id != nil {
		c.Certificates = []tls.Certificate{id.Pair}
	}
	return credentials.NewTLS(c)
}

func (h *handshake) dial(creds credentials.TransportCredentials) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:plugin", append(wire.DialOptions(), grpc.WithTransportCredentials(creds),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, h.network, h.address)
		}))...)
}
