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
	"path/filepath"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// act is the life of a plugin that is made without go-plugin, so that each rule
// of the protocol can be broken by itself.
func act(mode string) {
	if os.Getenv(wire.PluginHandshake.MagicCookieKey) == "" && mode != "nocookie" {
		if mode != "silent" {
			fmt.Fprintln(os.Stderr, "This is a plugin of patchbay, which starts it.")
		}
		os.Exit(1)
	}
	switch mode {
	case "babble":
		fmt.Println("Welcome!")
	case "mute":
		return
	}
	if mode != "orphan" && mode != "nocookie" {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		}()
	}
	if err := serve(mode); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(mode string) error {
	id, err := pluginhost.NewIdentity(time.Now())
	if err != nil {
		return err
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM([]byte(os.Getenv("PLUGIN_CLIENT_CERT")))
	config := &tls.Config{Certificates: []tls.Certificate{id.Pair}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}
	if mode == "anybody" {
		config.ClientAuth = tls.NoClientCert
	}
	types := []sdk.Type{sdk.SourceType[sourceConfig](lines{}), sdk.SinkType[fileConfig](&file{buffers: mode == "buffers"})}
	if mode == "empty" {
		types = nil
	}
	p, err := sdk.NewServer("fake", "1.0.0", types...)
	if err != nil {
		return err
	}
	s := grpc.NewServer(append(wire.ServerOptions(), grpc.Creds(credentials.NewTLS(config)))...)
	p.Register(s)
	if mode != "unhealthy" {
		h := health.NewServer()
		h.SetServingStatus("plugin", grpc_health_v1.HealthCheckResponse_SERVING)
		grpc_health_v1.RegisterHealthServer(s, h)
	}
	s.RegisterService(&grpc.ServiceDesc{ServiceName: "plugin.GRPCController", HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{{
		MethodName: "Shutdown", Handler: func(any, context.Context, func(any) error, grpc.UnaryServerInterceptor) (any, error) {
			if mode != "immortal" {
				go s.GracefulStop()
			}
			return &wire.StopResponse{}, nil
		},
	}}}, struct{}{})
	ln, line, err := listen(mode, id)
	if err != nil {
		return err
	}
	fmt.Println(line)
	if mode == "noise" {
		fmt.Println("Ready.")
	}
	return s.Serve(ln)
}

// listen returns the listener and the handshake.
func listen(mode string, id *pluginhost.Identity) (net.Listener, string, error) {
	version := "1"
	if strings.Contains(os.Getenv("PLUGIN_PROTOCOL_VERSIONS"), "99") && mode == "newer" {
		version = "99"
	}
	cert := base64.RawStdEncoding.EncodeToString(id.Pair.Certificate[0])
	if mode == "nocert" {
		cert = ""
	}
	if mode == "public" {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, "", err
		}
		_, port, err := net.SplitHostPort(ln.Addr().String())
		return ln, "1|" + version + "|tcp|0.0.0.0:" + port + "|grpc|" + cert, err
	}
	dir := os.Getenv("PLUGIN_UNIX_SOCKET_DIR")
	if mode == "elsewhere" || dir == "" {
		dir = os.TempDir()
	}
	path := filepath.Join(dir, fmt.Sprintf("fake-%d", os.Getpid()))
	_ = os.Remove(path) // of a process that was killed and had our number
	ln, err := net.Listen("unix", path)
	return ln, "1|" + version + "|unix|" + path + "|grpc|" + cert, err
}

type sourceConfig struct {
	Secret string `pb:"secret,required,sensitive" doc:"What requests carry."`
}

// lines is a source whose requests are lines of text: an id and a status.
type lines struct{}

func (lines) Info() sdk.Info {
	return sdk.Info{Name: "lines", Version: "0.1.0", Summary: "Lines of text."}
}

func (lines) Configure(_ context.Context, c *sourceConfig) (sdk.Auth, error) {
	return sdk.Token{Location: "{header.X-Token}", Values: []string{c.Secret}}, nil
}

func (lines) Parse(_ context.Context, in []sdk.Delivery, out *sdk.Batch) error {
	for i := range in {
		id, status, ok := strings.Cut(string(in[i].Body), " ")
		if !ok || !strings.HasPrefix(id, "id") {
			out.Reject(i, sdk.Malformed, errors.New("no id and status"))
			continue
		}
		e := out.Add(i)
		e.ProviderID, e.ProviderStatus, e.Channel = id, status, sdk.SMS
	}
	return nil
}

type fileConfig struct {
	Path string `pb:"path,required" doc:"The file that ids are appended to."`
}

// file is a sink that appends ids to a file.
type file struct {
	buffers bool // keeps what is done in memory until it is closed
	f       *os.File
	w       *bufio.Writer
}

func (*file) Info() sdk.Info {
	return sdk.Info{Name: "file", Version: "0.1.0", Summary: "Lines of a file."}
}

func (s *file) Open(_ context.Context, c *fileConfig) (err error) {
	s.f, err = os.OpenFile(c.Path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	s.w = bufio.NewWriterSize(s.f, 1<<20)
	// A kill in the middle of a write leaves a part of a line.
	all, err := io.ReadAll(s.f)
	if err != nil {
		return err
	}
	return s.f.Truncate(int64(bytes.LastIndexByte(all, '\n') + 1))
}

func (s *file) Write(_ context.Context, in []sdk.Event, _ *sdk.Results) error {
	if s.f == nil {
		return errors.New("not open")
	}
	var b bytes.Buffer
	for i := range in {
		fmt.Fprintln(&b, in[i].ID)
	}
	if _, err := s.w.Write(b.Bytes()); err != nil || s.buffers {
		return err
	}
	return s.w.Flush()
}

func (s *file) Close(context.Context) error {
	if s.f == nil {
		return nil
	}
	defer func() { s.f = nil }()
	return errors.Join(s.w.Flush(), s.f.Close())
}
