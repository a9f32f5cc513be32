package wire

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// Frame is a message that is already encoded: batches of requests and events
// travel as the bytes in which they are stored.
type Frame struct {
	// Parts are concatenated on the wire.
	Parts [][]byte
	// Data is what was received: one slice, owned by the receiver.
	Data []byte
}

// Codec encodes Frames as they are and everything else as protobuf. It goes by
// the name "proto", so that the other side may be any gRPC implementation.
type Codec struct{ base encoding.CodecV2 }

// NewCodec returns the codec.
func NewCodec() Codec { return Codec{encoding.GetCodecV2(proto.Name)} }

// Name implements encoding.CodecV2.
func (Codec) Name() string { return proto.Name }

// Marshal implements encoding.CodecV2.
func (c Codec) Marshal(v any) (mem.BufferSlice, error) {
	f, ok := v.(*Frame)
	if !ok {
		return c.base.Marshal(v)
	}
	out := make(mem.BufferSlice, 0, len(f.Parts))
	for _, p := range f.Parts {
		if len(p) > 0 {
			out = append(out, mem.SliceBuffer(p))
		}
	}
	return out, nil
}

// Unmarshal implements encoding.CodecV2. A frame gets its own copy: gRPC reuses
// its buffers, while what is decoded from a frame aliases it.
func (c Codec) Unmarshal(data mem.BufferSlice, v any) error {
	f, ok := v.(*Frame)
	if !ok {
		return c.base.Unmarshal(data, v)
	}
	f.Data = data.Materialize()
	return nil
}

// MaxMessage is the largest message either side accepts, in bytes. Batches are
// built to stay near 1 MiB; a single event may be larger.
const MaxMessage = 64 << 20

// ServerOptions are the options of a plugin's gRPC server: go-plugin's default
// would refuse messages above 4 MiB, and small windows would make a batch of
// 1 MiB wait for the reader 16 times.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(NewCodec()),
		grpc.MaxRecvMsgSize(MaxMessage), grpc.MaxSendMsgSize(MaxMessage),
		grpc.InitialWindowSize(4 << 20), grpc.InitialConnWindowSize(8 << 20),
		grpc.ReadBufferSize(128 << 10), grpc.WriteBufferSize(128 << 10),
	}
}

// DialOptions are ServerOptions' counterpart in core.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(NewCodec()), grpc.MaxCallRecvMsgSize(MaxMessage), grpc.MaxCallSendMsgSize(MaxMessage)),
		grpc.WithInitialWindowSize(4 << 20), grpc.WithInitialConnWindowSize(8 << 20),
		grpc.WithReadBufferSize(128 << 10), grpc.WithWriteBufferSize(128 << 10),
	}
}

// Method names, as in plugin.proto.
const (
	MethodDescribe        = "/patchbay.plugin.v1.Plugin/Describe"
	MethodStop            = "/patchbay.plugin.v1.Plugin/Stop"
	MethodSourceConfigure = "/patchbay.plugin.v1.Source/Configure"
	MethodParse           = "/patchbay.plugin.v1.Source/Parse"
	MethodVerify          = "/patchbay.plugin.v1.Source/Verify"
	MethodOpen            = "/patchbay.plugin.v1.Sink/Open"
	MethodWrite           = "/patchbay.plugin.v1.Sink/Write"
	MethodCount           = "/patchbay.plugin.v1.Sink/Count"
	MethodClose           = "/patchbay.plugin.v1.Sink/Close"
)

// PluginServer is the service Plugin.
type PluginServer interface {
	Describe(context.Context, *DescribeRequest) (*DescribeResponse, error)
	Stop(context.Context, *StopRequest) (*StopResponse, error)
}

// SourceServer is the service Source. Parse gets the bytes of a ParseRequest
// and returns those of a ParseResponse.
type SourceServer interface {
	Configure(context.Context, *ConfigureRequest) (*ConfigureSourceResponse, error)
	Parse(context.Context, *Frame) (*Frame, error)
	Verify(context.Context, *Frame) (*VerifyResponse, error)
}

// SinkServer is the service Sink. Write gets the bytes of a WriteRequest.
type SinkServer interface {
	Open(context.Context, *ConfigureRequest) (*OpenSinkResponse, error)
	Write(context.Context, *Frame) (*WriteResponse, error)
	Count(context.Context, *CountRequest) (*CountResponse, error)
	Close(context.Context, *CloseRequest) (*CloseResponse, error)
}

// Register registers what is not nil.
func Register(s *grpc.Server, p PluginServer, src SourceServer, snk SinkServer) {
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: "patchbay.plugin.v1.Plugin", HandlerType: (*PluginServer)(nil), Metadata: "plugin.proto",
		Methods: []grpc.MethodDesc{
			unary("Describe", PluginServer.Describe), unary("Stop", PluginServer.Stop),
		},
	}, p)
	if src != nil {
		s.RegisterService(&grpc.ServiceDesc{
			ServiceName: "patchbay.plugin.v1.Source", HandlerType: (*SourceServer)(nil), Metadata: "plugin.proto",
			Methods: []grpc.MethodDesc{
				unary("Configure", SourceServer.Configure), unary("Parse", SourceServer.Parse), unary("Verify", SourceServer.Verify),
			},
		}, src)
	}
	if snk != nil {
		s.RegisterService(&grpc.ServiceDesc{
			ServiceName: "patchbay.plugin.v1.Sink", HandlerType: (*SinkServer)(nil), Metadata: "plugin.proto",
			Methods: []grpc.MethodDesc{
				unary("Open", SinkServer.Open), unary("Write", SinkServer.Write),
				unary("Count", SinkServer.Count), unary("Close", SinkServer.Close),
			},
		}, snk)
	}
}

func unary[S, In, Out any](name string, call func(S, context.Context, *In) (*Out, error)) grpc.MethodDesc {
	return grpc.MethodDesc{MethodName: name, Handler: func(srv any, ctx context.Context, dec func(any) error, icept grpc.UnaryServerInterceptor) (any, error) {
		in := new(In)
		if err := dec(in); err != nil {
			return nil, err
		}
		s, ok := srv.(S)
		if !ok {
			return nil, fmt.Errorf("wire: %T does not serve %s", srv, name)
		}
		if icept == nil {
			return call(s, ctx, in)
		}
		info := &grpc.UnaryServerInfo{Server: srv, FullMethod: name}
		return icept(ctx, in, info, func(ctx context.Context, req any) (any, error) { return call(s, ctx, req.(*In)) })
	}}
}
