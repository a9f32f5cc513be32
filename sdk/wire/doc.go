// Package wire is the protocol between core and plugins: the protobuf messages
// of plugin.proto, the handshake, and the gRPC plumbing that both sides share.
//
// plugin.proto is the contract; the code generated from it stays behind the
// plain types of package sdk. Batches travel as Frames, the bytes in which the
// journal stores them, so that core need not decode an event to forward it.
//
// Authors of Go plugins do not need this package; authors of plugins in other
// languages start from plugin.proto.
package wire

//go:generate buf generate
