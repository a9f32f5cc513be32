package plugintest

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/sdktest/suite"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const (
	startTimeout = 20 * time.Second // until the handshake
	callTimeout  = 10 * time.Second
)

// protocol checks how the program behaves as a plugin of any kind.
type protocol struct {
	path string
	id   *pluginhost.Identity
	dir  string // for sockets
	now  func() time.Time
	// patience is how long the program may take to end.
	patience time.Duration
}

func (p *protocol) env(versions string) []string {
	return []string{
		wire.PluginHandshake.MagicCookieKey + "=" + wire.PluginHandshake.MagicCookieValue,
		"PLUGIN_PROTOCOL_VERSIONS=" + versions, "PLUGIN_MIN_PORT=0", "PLUGIN_MAX_PORT=0",
		pluginhost.EnvClientCert + "=" + p.id.PEM, "PLUGIN_UNIX_SOCKET_DIR=" + p.dir, wire.EnvWatch + "=1",
	}
}

// run makes all checks. It returns what the plugin says of itself, nil if that
// cannot be found out; the suites then make no sense.
func (p *protocol) run(ctx context.Context, r suite.Reporter) (out *wire.DescribeResponse) {
	r.Run("cookie", p.cookie)
	r.Run("version", p.version)
	r.Run("host_dies", p.hostDies)
	prog, h := p.begin(r)
	if h == nil {
		return nil
	}
	defer prog.kill()
	r.Run("mtls", func(r suite.Reporter) { p.mtls(ctx, r, h) })
	conn, err := h.dial(h.tls(p.id))
	if err != nil {
		r.Errorf("%v", err)
		return nil
	}
	defer conn.Close()
	r.Run("describe", func(r suite.Reporter) { out = describe(ctx, r, conn) })
	if out == nil {
		return nil
	}
	r.Run("health", func(r suite.Reporter) { healthy(ctx, r, conn) })
	r.Run("unconfigured", func(r suite.Reporter) { unconfigured(ctx, r, conn) })
	r.Run("stop", func(r suite.Reporter) { p.stop(ctx, r, prog, conn) })
	prog.kill()
	r.Run("stdout", func(r suite.Reporter) {
		if line, ok := <-prog.lines; ok {
			r.Errorf("after the handshake the program printed %q: standard output belongs to the handshake; log to standard error", line)
		}
	})
	return out
}

// launched starts the program as core does and reads the handshake. The program
// is nil if it could not be started.
func (p *protocol) launched(r suite.Reporter, versions string) (*program, *handshake) {
	prog, err := start(p.path, p.env(versions)...)
	if err != nil {
		r.Errorf("%v", err)
		return nil, nil
	}
	line, err := prog.line(startTimeout)
	if err != nil {
		r.Errorf("no handshake: %v", err)
		return prog, nil
	}
	h, err := parseHandshake(line)
	if err != nil {
		r.Errorf("%v", err)
		return prog, nil
	}
	return prog, h
}

// begin starts the program for several checks; the first is its handshake.
func (p *protocol) begin(r suite.Reporter) (prog *program, h *handshake) {
	if r.Run("handshake", func(r suite.Reporter) {
		if prog, h = p.launched(r, fmt.Sprint(wire.ProtocolVersion)); h != nil {
			p.checkHandshake(r, h)
		}
	}) {
		return prog, h
	}
	if prog != nil {
		prog.kill()
	}
	return nil, nil
}

func (p *protocol) checkHandshake(r suite.Reporter, h *handshake) {
	if h.core != "1" {
		r.Errorf("field 1 of the handshake is %q, want 1", h.core)
	}
	if want := fmt.Sprint(wire.ProtocolVersion); h.app != want {
		r.Errorf("field 2 of the handshake, the version, is %q, want %s, which is what PLUGIN_PROTOCOL_VERSIONS offers", h.app, want)
	}
	if h.protocol != "grpc" {
		r.Errorf("field 5 of the handshake is %q, want grpc", h.protocol)
	}
	switch h.network {
	case "unix":
		if !strings.HasPrefix(h.address, p.dir+string(filepath.Separator)) {
			r.Errorf("the socket %q is not in PLUGIN_UNIX_SOCKET_DIR, which is private to core and the plugin", h.address)
		}
	case "tcp":
		host, _, err := net.SplitHostPort(h.address)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			r.Errorf("the plugin listens on %q: it must be reached from this machine alone", h.address)
		}
	default:
		r.Errorf("field 3 of the handshake is %q, want unix or tcp", h.network)
	}
	if h.cert == nil {
		r.Errorf("field 6 of the handshake is empty: PLUGIN_CLIENT_CERT is set, so the plugin must make a certificate of its own and tell it")
	}
}

// cookie starts the program as a person would who does not know what it is.
func (p *protocol) cookie(r suite.Reporter) {
	prog, err := start(p.path)
	if err != nil {
		r.Errorf("%v", err)
		return
	}
	ended := prog.endsWithin(p.patience)
	prog.kill()
	switch {
	case !ended:
		r.Errorf("started by hand, without %s in its environment, the program runs on for more than %s: it must end, and say that core starts it",
			wire.PluginHandshake.MagicCookieKey, p.patience)
	case prog.err == nil:
		r.Errorf("started by hand the program ends with status 0, want another: it has done nothing")
	case prog.said() == "":
		r.Errorf("started by hand the program says nothing on standard error: it must tell that core starts it")
	}
	if line, ok := <-prog.lines; ok && strings.HasPrefix(line, "1|") {
		r.Errorf("started by hand the program shakes hands: %q", line)
	}
}

// version offers versions that do not exist yet.
func (p *protocol) version(r suite.Reporter) {
	prog, h := p.launched(r, fmt.Sprintf("%d,99", wire.ProtocolVersion))
	if want := fmt.Sprint(wire.ProtocolVersion); h != nil && h.app != want {
		r.Errorf("of the versions %s and 99 the program chooses %q: take the highest that it knows", want, h.app)
	}
	if prog != nil {
		prog.kill()
	}
	prog, err := start(p.path, p.env("99")...)
	if err != nil {
		return // said above
	}
	line, _ := prog.line(startTimeout)
	prog.kill()
	if h, err := parseHandshake(line); err == nil && h.app == "99" {
		r.Errorf("of version 99 alone the program claims to know it: end with a message, or answer with a version that it knows")
	}
}

// hostDies closes standard input, as the kernel does when core dies (F18).
func (p *protocol) hostDies(r suite.Reporter) {
	prog, h := p.launched(r, fmt.Sprint(wire.ProtocolVersion))
	if prog == nil {
		return
	}
	defer prog.kill()
	if h == nil {
		return
	}
	if err := prog.stdin.Close(); err != nil {
		r.Errorf("%v", err)
	}
	if !prog.endsWithin(p.patience) {
		r.Errorf("%s is set and standard input was closed, as it is when core dies: the program runs on for more than %s", wire.EnvWatch, p.patience)
	}
}

// mtls knocks as others on this machine could.
func (p *protocol) mtls(ctx context.Context, r suite.Reporter, h *handshake) {
	stranger, err := pluginhost.NewIdentity(p.now())
	if err != nil {
		r.Errorf("%v", err)
		return
	}
	for _, c := range []struct {
		who  string
		dial func() (*grpc.ClientConn, error)
	}{
		{"a client without TLS", func() (*grpc.ClientConn, error) { return h.dial(insecure.NewCredentials()) }},
		{"a client without a certificate", func() (*grpc.ClientConn, error) { return h.dial(h.tls(nil)) }},
		{"a client with another certificate than PLUGIN_CLIENT_CERT", func() (*grpc.ClientConn, error) { return h.dial(h.tls(stranger)) }},
	} {
		conn, err := c.dial()
		if err != nil {
			r.Errorf("%v", err)
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		if _, err := sdk.NewClient(conn).Describe(ctx); err == nil {
			r.Errorf("%s is answered: the plugin must refuse it", c.who)
		}
		cancel()
		_ = conn.Close()
	}
}

func describe(ctx context.Context, r suite.Reporter, conn *grpc.ClientConn) *wire.DescribeResponse {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	c := sdk.NewClient(conn)
	first, err := c.Describe(ctx)
	if err != nil {
		r.Errorf("Describe over mutual TLS: %v", err)
		return nil
	}
	second, err := c.Describe(ctx)
	if err != nil || !proto.Equal(first, second) {
		r.Errorf("Describe says something else the second time: %v, %v, want %v", second, err, first)
	}
	if len(first.Types) == 0 {
		r.Errorf("Describe names no type: the plugin is of no use")
	}
	seen := map[string]bool{}
	for _, t := range first.Types {
		if name := typeName(t); seen[name] {
			r.Errorf("Describe names %s twice", name)
		} else {
			seen[name] = true
		}
		if kindWord(t.Kind) == "" {
			r.Errorf("Describe names the type %q without saying whether it is a source or a sink", t.Name)
		}
	}
	return first
}

func healthy(ctx context.Context, r suite.Reporter, conn *grpc.ClientConn) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	// go-plugin's name for what it starts.
	resp, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "plugin"})
	if err != nil || resp.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		r.Errorf("grpc.health.v1.Health/Check of the service \"plugin\": got %s, %v, want SERVING", resp.GetStatus(), err)
	}
}

// unconfigured asks for work before there is a configuration.
func unconfigured(ctx context.Context, r suite.Reporter, conn *grpc.ClientConn) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	c := sdk.NewClient(conn)
	if _, err := c.Parse(ctx, nil, 0); err == nil {
		r.Errorf("Parse before Configure reports no error")
	}
	if _, err := c.Write(ctx, nil, 0, "", ""); err == nil {
		r.Errorf("Write before Open reports no error")
	}
	if err := c.CloseSink(ctx); err != nil && status.Code(err) != codes.Unimplemented {
		r.Errorf("Close before Open: got %v, want nothing to happen", err)
	}
	if _, err := c.Describe(ctx); err != nil {
		r.Errorf("after calls that came too early the plugin no longer answers: %v", err)
	}
}

// stop ends the program as core does: the plugin's own Stop, then go-plugin's.
func (p *protocol) stop(ctx context.Context, r suite.Reporter, prog *program, conn *grpc.ClientConn) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := sdk.NewClient(conn).Stop(ctx); err != nil {
		r.Errorf("Stop: %v", err)
	}
	err := conn.Invoke(ctx, "/plugin.GRPCController/Shutdown", &wire.StopRequest{}, new(wire.StopResponse)) // both are empty
	if c := status.Code(err); err != nil && c != codes.Unavailable && c != codes.Canceled {
		r.Errorf("plugin.GRPCController/Shutdown: %v", err)
	}
	if !prog.endsWithin(p.patience) {
		r.Errorf("after plugin.GRPCController/Shutdown the program runs on for more than %s", p.patience)
	}
}

// socketDir is a directory whose path is short enough for a socket.
func socketDir() (string, error) {
	dir, err := os.MkdirTemp("", "pb")
	if err != nil {
		return "", fmt.Errorf("plugintest: %w", err)
	}
	return dir, nil
}
