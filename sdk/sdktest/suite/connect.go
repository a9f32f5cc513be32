package suite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"github.com/rs/zerolog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

// Plugin is one running plugin of a suite.
type Plugin struct {
	Client *sdk.Client
	// Close ends it in order.
	Close func() error
	// Kill ends it at once, whatever it is doing, as a crash would.
	Kill func() error
}

// Connection is a plugin served in process.
type Connection struct {
	Client *sdk.Client
	log    *lockedBuffer
	server *grpc.Server
	pipe   *bufconn.Listener
	conn   *grpc.ClientConn
	served chan error
}

// Connect serves types in process over gRPC, with the options that core and
// plugins use. The caller closes the connection.
func Connect(types ...sdk.Type) (*Connection, error) {
	srv, err := sdk.NewServer("sdktest", sdk.Version, types...)
	if err != nil {
		return nil, fmt.Errorf("suite: connect: %w", err)
	}
	c := &Connection{log: new(lockedBuffer), served: make(chan error, 1)}
	// What a plugin logs with sdk.Log ends in c.log, where the suites look for secrets.
	logger := zerolog.New(c.log)
	intercept := func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		return next(logger.WithContext(ctx), req)
	}
	c.server = grpc.NewServer(append(wire.ServerOptions(), grpc.UnaryInterceptor(intercept))...)
	srv.Register(c.server)
	c.pipe = bufconn.Listen(1 << 20)
	go func() { c.served <- c.server.Serve(c.pipe) }()
	if err := c.dial(); err != nil {
		c.server.Stop()
		return nil, errors.Join(err, <-c.served)
	}
	return c, nil
}

func (c *Connection) dial() error {
	conn, err := grpc.NewClient("passthrough:plugin", append(wire.DialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return c.pipe.DialContext(ctx) }))...)
	if err != nil {
		return fmt.Errorf("suite: connect: %w", err)
	}
	c.conn, c.Client = conn, sdk.NewClient(conn)
	return nil
}

// Plugin returns the connection as a suite wants it.
func (c *Connection) Plugin() *Plugin { return &Plugin{Client: c.Client, Close: c.Close, Kill: c.kill} }

// kill cuts the connection while calls may be in flight. Files and sockets that
// the kernel would take from a killed process are given back by Close, which
// waits for the call: a new sink of this process could not open them otherwise.
func (c *Connection) kill() error {
	if err := c.conn.Close(); err != nil {
		return fmt.Errorf("suite: cut: %w", err)
	}
	if err := c.dial(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	return errors.Join(c.Client.CloseSink(ctx), c.Close())
}

// Log returns what the plugin logged so far.
func (c *Connection) Log() []byte { return c.log.copy() }

// Close ends the connection and the server, and waits for both.
func (c *Connection) Close() error {
	err := c.conn.Close()
	c.server.Stop()
	return errors.Join(err, <-c.served)
}

// lockedBuffer is a buffer for a logger that several calls share.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) copy() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.buf.Bytes())
}
