package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"sync"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

// Version is the version of this package.
const Version = "0.1.0"

// Type is one source or sink type that a plugin serves.
type Type struct {
	info   *wire.TypeInfo
	err    error
	source wire.SourceServer
	sink   wire.SinkServer
}

// SourceType makes a Type of a source.
func SourceType[C any](s Source[C]) Type {
	info, schema, err := describe[C](s.Info())
	caps := []string{}
	if _, ok := s.(Endpointer); ok {
		caps = append(caps, "endpoint")
	}
	if _, ok := s.(Verifier); ok {
		caps = append(caps, "verifier")
	}
	return Type{err: err, source: &sourceServer[C]{s: s}, info: &wire.TypeInfo{
		Kind: wire.TypeInfo_KIND_SOURCE, Name: info.Name, Summary: info.Summary, Schema: schema, Capabilities: caps,
		Source: &wire.SourceTraits{Channel: info.Channel.String(), RetryHorizonMs: info.RetryHorizon.Milliseconds()},
	}}
}

// SinkType makes a Type of a sink.
func SinkType[C any](s Sink[C]) Type {
	info, schema, err := describe[C](s.Info())
	t := info.Sink
	if t.Idempotency == "" {
		t.Idempotency = NotIdempotent
	}
	var caps []string
	if _, ok := s.(Counter); ok {
		caps = append(caps, capCount)
	}
	return Type{err: err, sink: &sinkServer[C]{s: s}, info: &wire.TypeInfo{
		Kind: wire.TypeInfo_KIND_SINK, Name: info.Name, Summary: info.Summary, Schema: schema, Capabilities: caps,
		Sink: &wire.SinkTraits{
			Idempotency: string(t.Idempotency), MaxEvents: int64(t.MaxEvents), MaxBytes: int64(t.MaxBytes),
			WriteTimeoutMs: t.WriteTimeout.Milliseconds(),
		},
	}}
}

func describe[C any](info Info) (Info, *wire.Schema, error) {
	schema, err := schemaOf[C]()
	if err == nil && info.Name == "" {
		err = fmt.Errorf("sdk: Info has no Name")
	}
	return info, schema, err
}

// ServeSource serves one source type. It is the whole of a plugin's main.
func ServeSource[C any](s Source[C]) {
	i := s.Info()
	Serve(i.Name, i.Version, SourceType(s))
}

// ServeSink serves one sink type. It is the whole of a plugin's main.
func ServeSink[C any](s Sink[C]) {
	i := s.Info()
	Serve(i.Name, i.Version, SinkType(s))
}

// Serve serves a plugin with several types and returns when core is done with
// it. It ends the process with status 1 if a type cannot be described.
func Serve(name, version string, types ...Type) {
	srv, err := NewServer(name, version, types...)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if os.Getenv(wire.EnvWatch) != "" {
		// Core holds the other end of our standard input: when core dies, however
		// it dies, the kernel closes it (F18).
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		}()
	}
	// A version of the protocol that changes the services gets its own set here.
	served := map[int]goplugin.PluginSet{}
	for _, v := range wire.Protocols() {
		served[v] = goplugin.PluginSet{wire.PluginKey: &grpcPlugin{server: srv}}
	}
	defer runtime.KeepAlive(ballast())
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  wire.PluginHandshake,
		VersionedPlugins: served,
		Logger:           hclog.NewNullLogger(),
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, wire.ServerOptions()...)...)
		},
	})
}

type grpcPlugin struct {
	goplugin.NetRPCUnsupportedPlugin
	server *Server
}

func (p *grpcPlugin) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	p.server.Register(s)
	return nil
}

func (p *grpcPlugin) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, fmt.Errorf("sdk: a plugin is no client")
}

// Server answers core's calls. Serve and package sdktest use it.
type Server struct {
	name, version string
	types         []Type

	mu     sync.Mutex
	source wire.SourceServer // of the configured block
	sink   wire.SinkServer
}

// NewServer returns a server of the types, or says which cannot be described.
func NewServer(name, version string, types ...Type) (*Server, error) {
	for _, t := range types {
		if t.err != nil {
			return nil, t.err
		}
	}
	return &Server{name: name, version: version, types: types}, nil
}

// Register adds the plugin's services to a gRPC server.
func (p *Server) Register(s *grpc.Server) { wire.Register(s, p, p.sources(), p.sinks()) }

func (p *Server) sources() wire.SourceServer { return (*sourceMux)(p) }
func (p *Server) sinks() wire.SinkServer     { return (*sinkMux)(p) }

// Describe implements wire.PluginServer.
func (p *Server) Describe(context.Context, *wire.DescribeRequest) (*wire.DescribeResponse, error) {
	out := &wire.DescribeResponse{Name: p.name, Version: p.version, Sdk: "go/" + Version}
	for _, t := range p.types {
		out.Types = append(out.Types, t.info)
	}
	sort.SliceStable(out.Types, func(i, j int) bool { return out.Types[i].Name < out.Types[j].Name })
	return out, nil
}

// Stop implements wire.PluginServer. The process ends by go-plugin's shutdown,
// which core sends next.
func (p *Server) Stop(context.Context, *wire.StopRequest) (*wire.StopResponse, error) {
	return &wire.StopResponse{}, nil
}

func (p *Server) find(kind wire.TypeInfo_Kind, name string) (Type, error) {
	for _, t := range p.types {
		if t.info.Kind == kind && t.info.Name == name {
			return t, nil
		}
	}
	return Type{}, status.Errorf(codes.NotFound, "this plugin serves no type %q", name)
}

// guard turns a panic into an error of the call: one poison request must not
// end the process for the others in flight.
func guard[T any](ctx context.Context, call func() (T, error)) (out T, err error) {
	defer func() {
		if r := recover(); r != nil {
			Log(ctx).Error().Str("panic", fmt.Sprint(r)).Str("stack", string(debug.Stack())).Msg("plugin panicked")
			err = status.Errorf(codes.Internal, "plugin panicked: %v", r)
		}
	}()
	return call()
}

type sourceMux Server

func (m *sourceMux) configured() (wire.SourceServer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.source == nil {
		return nil, status.Error(codes.FailedPrecondition, "not configured")
	}
	return m.source, nil
}

func (m *sourceMux) Configure(ctx context.Context, r *wire.ConfigureRequest) (*wire.ConfigureSourceResponse, error) {
	t, err := (*Server)(m).find(wire.TypeInfo_KIND_SOURCE, r.Type)
	if err != nil {
		return nil, err
	}
	out, err := guard(ctx, func() (*wire.ConfigureSourceResponse, error) { return t.source.Configure(ctx, r) })
	if err == nil {
		m.mu.Lock()
		m.source = t.source
		m.mu.Unlock()
	}
	return out, err
}

func (m *sourceMux) Parse(ctx context.Context, f *wire.Frame) (*wire.Frame, error) {
	s, err := m.configured()
	if err != nil {
		return nil, err
	}
	return guard(ctx, func() (*wire.Frame, error) { return s.Parse(ctx, f) })
}

func (m *sourceMux) Verify(ctx context.Context, f *wire.Frame) (*wire.VerifyResponse, error) {
	s, err := m.configured()
	if err != nil {
		return nil, err
	}
	return guard(ctx, func() (*wire.VerifyResponse, error) { return s.Verify(ctx, f) })
}

type sourceServer[C any] struct{ s Source[C] }

func (s *sourceServer[C]) Configure(ctx context.Context, r *wire.ConfigureRequest) (*wire.ConfigureSourceResponse, error) {
	var auth Auth
	cfg, err := decodeConfig[C](r.ConfigJson)
	if err == nil {
		auth, err = s.s.Configure(ctx, cfg)
	}
	ps, rest := problems(err)
	if rest != nil {
		ps = append(ps, &ConfigProblem{Summary: rest.Error()})
	}
	out := &wire.ConfigureSourceResponse{Diagnostics: wireDiagnostics(ps)}
	if !onlyWarnings(err) {
		return out, nil
	}
	if auth == nil {
		return nil, status.Error(codes.Internal, "Configure returned no authentication; return NoAuth to accept every request")
	}
	out.Auth, out.Endpoint = auth.wireAuth(), Endpoint{}.wire()
	if e, ok := s.s.(Endpointer); ok {
		out.Endpoint = e.Endpoint().wire()
	}
	return out, nil
}

func (s *sourceServer[C]) Parse(ctx context.Context, f *wire.Frame) (*wire.Frame, error) {
	in, err := decodeDeliveries(f.Data)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	var out Batch
	if err := s.s.Parse(ctx, in, &out); err != nil {
		return nil, status.Error(codes.Unknown, err.Error())
	}
	// Events are matched to requests by index; core wants them in order.
	sort.SliceStable(out.events, func(i, j int) bool { return out.events[i].delivery < out.events[j].delivery })
	return &wire.Frame{Parts: [][]byte{out.appendWire(make([]byte, 0, 256*len(out.events)+64), len(in))}}, nil
}

func decodeDeliveries(data []byte) ([]Delivery, error) {
	var in []Delivery
	err := repeated(data, 1, func(b []byte) error {
		in = append(in, Delivery{})
		return in[len(in)-1].UnmarshalWire(b)
	}, nil)
	return in, err
}

// appendWire appends the batch as a ParseResponse of n deliveries.
func (b *Batch) appendWire(out []byte, n int) []byte {
	var scratch []byte
	for _, e := range b.events {
		scratch = e.AppendWire(scratch[:0])
		out = protowire.AppendTag(out, 1, protowire.BytesType)
		out = protowire.AppendBytes(out, scratch)
	}
	for _, v := range b.verdicts {
		s := scratch[:0]
		if v.ignore {
			s = appendVarint(s, 1, uint64(wire.Verdict_KIND_IGNORE))
		}
		s = appendVarint(s, 2, uint64(v.delivery))
		s = appendVarint(s, 3, uint64(v.index))
		s = appendBool(s, 4, v.part)
		s = appendVarint(s, 5, uint64(v.payloadOffset))
		s = appendVarint(s, 6, uint64(v.payloadLength))
		s = appendString(s, 7, v.code)
		s = appendString(s, 8, v.reasonText)
		scratch = s
		out = protowire.AppendTag(out, 2, protowire.BytesType)
		out = protowire.AppendBytes(out, s)
	}
	return appendVarint(out, 3, uint64(n))
}

func (s *sourceServer[C]) Verify(ctx context.Context, f *wire.Frame) (*wire.VerifyResponse, error) {
	v, ok := s.s.(Verifier)
	if !ok {
		return nil, status.Error(codes.Unimplemented, "this source verifies no requests")
	}
	in, err := decodeDeliveries(f.Data)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	out := &wire.VerifyResponse{Ok: make([]bool, len(in))}
	for i := range in {
		out.Ok[i] = v.Verify(ctx, &in[i])
	}
	return out, nil
}

type sinkMux Server

func (m *sinkMux) configured() (wire.SinkServer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sink == nil {
		return nil, status.Error(codes.FailedPrecondition, "not open")
	}
	return m.sink, nil
}

func (m *sinkMux) Open(ctx context.Context, r *wire.ConfigureRequest) (*wire.OpenSinkResponse, error) {
	t, err := (*Server)(m).find(wire.TypeInfo_KIND_SINK, r.Type)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.sink = t.sink
	m.mu.Unlock()
	return guard(ctx, func() (*wire.OpenSinkResponse, error) { return t.sink.Open(ctx, r) })
}

func (m *sinkMux) Write(ctx context.Context, f *wire.Frame) (*wire.WriteResponse, error) {
	s, err := m.configured()
	if err != nil {
		return nil, err
	}
	return guard(ctx, func() (*wire.WriteResponse, error) { return s.Write(ctx, f) })
}

func (m *sinkMux) Close(ctx context.Context, r *wire.CloseRequest) (*wire.CloseResponse, error) {
	s, err := m.configured()
	if err != nil {
		return &wire.CloseResponse{}, nil //nolint:nilerr // nothing was opened
	}
	return guard(ctx, func() (*wire.CloseResponse, error) { return s.Close(ctx, r) })
}

// ConfigChecker is implemented by sinks that can say more about a configuration
// than its schema does, without touching anything outside the process.
type ConfigChecker[C any] interface {
	Check(cfg *C) error
}

type sinkServer[C any] struct {
	s      Sink[C]
	mu     sync.Mutex // Write and Close do not overlap, whatever the caller does
	events []Event    // empty, with room for the largest batch so far
}

func (s *sinkServer[C]) Open(ctx context.Context, r *wire.ConfigureRequest) (*wire.OpenSinkResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cfg, err := decodeConfig[C](r.ConfigJson)
	if c, ok := s.s.(ConfigChecker[C]); ok && err == nil {
		err = c.Check(cfg)
	}
	if !r.CheckOnly && onlyWarnings(err) {
		err = errors.Join(err, s.s.Open(ctx, cfg))
	}
	ps, rest := problems(err)
	out := &wire.OpenSinkResponse{Diagnostics: wireDiagnostics(ps)}
	if rest != nil {
		out.Failure = wireFailure(rest)
	}
	return out, nil
}

// onlyWarnings reports whether err, of a check, lets the source or sink start. It
// must, or a sink with a warning would count as open without ever having been
// opened, and a source with one would have no authentication.
func onlyWarnings(err error) bool {
	ps, rest := problems(err)
	for _, p := range ps {
		if !p.Warning {
			return false
		}
	}
	return rest == nil
}

func wireFailure(err error) *wire.Failure {
	if f := asFailure(err); f != nil {
		return &wire.Failure{Class: string(f.Class), Code: f.Code, Reason: errText(f.Err), WaitMs: f.Wait.Milliseconds()}
	}
	return &wire.Failure{Class: string(Transient), Reason: err.Error()}
}

func (s *sinkServer[C]) Write(ctx context.Context, f *wire.Frame) (*wire.WriteResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var res Results
	events := s.events
	// The sink is done with them when Write returns. One that keeps them finds out:
	// they become empty.
	defer func() { clear(events); s.events = events[:0] }()
	err := repeated(f.Data, 1, func(b []byte) error {
		events = append(events, Event{})
		return events[len(events)-1].UnmarshalWire(b)
	}, func(f *field) error {
		switch {
		case f.num == 2 && f.typ == protowire.BytesType:
			res.batchID = alias(f.b)
		case f.num == 3 && f.typ == protowire.BytesType:
			res.pipeline = alias(f.b)
		}
		return nil
	})
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	res.n = len(events)
	out := &wire.WriteResponse{Events: uint32(len(events))}
	if err := s.s.Write(ctx, events, &res); err != nil {
		if asFailure(err) == nil {
			return nil, status.Error(codes.Unknown, err.Error())
		}
		out.Failure = wireFailure(err)
		return out, nil
	}
	for _, o := range res.outcomes {
		out.Outcomes = append(out.Outcomes, &wire.Outcome{
			Kind: wire.Outcome_Kind(o.kind), Index: uint32(o.index), Code: o.code, Reason: o.reason, WaitMs: o.wait.Milliseconds(),
		})
	}
	return out, nil
}

func (s *sinkServer[C]) Close(ctx context.Context, _ *wire.CloseRequest) (*wire.CloseResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.s.Close(ctx); err != nil {
		return nil, status.Error(codes.Unknown, err.Error())
	}
	return &wire.CloseResponse{}, nil
}

// ballast is memory that is never touched, and so never taken from the machine.
// A plugin keeps next to nothing between two batches, and makes megabytes for each:
// with a heap of a few megabytes the collector would run many times a second, at a
// fifth of the plugin's processor time. It counts the ballast, and so runs once
// that much has been made.
func ballast() []byte { return make([]byte, 16<<20) }
