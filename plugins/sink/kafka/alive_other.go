//go:build !unix

package main

import "net"

// alive cannot look without reading here: a connection that the broker closed
// shows at the next request, whose outcome is then unknown.
func alive(net.Conn) bool { return true }
