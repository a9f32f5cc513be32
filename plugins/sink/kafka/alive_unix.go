//go:build unix

package main

import (
	"net"
	"syscall"
)

// alive reports whether an idle connection can still be used. A broker never
// speaks first, so readable means closed (or confused). Without the look, each
// broker restart would turn the next request into a possible duplicate: it is
// written to a socket that nobody reads any more.
func alive(c net.Conn) bool {
	s, ok := c.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK) // sockets of package net don't block
		quiet = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
		return true
	})
	return err == nil && quiet
}
