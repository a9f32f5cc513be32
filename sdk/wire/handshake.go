package wire

import goplugin "github.com/hashicorp/go-plugin"

// ProtocolVersion is the newest version of plugin.proto that this code speaks,
// and OldestProtocol the oldest. There are at most two: the newest and the one
// before it.
const (
	ProtocolVersion = 1
	OldestProtocol  = 1
)

// Protocols lists the versions that this code speaks, the newest first. The two
// ends agree on the highest that both have.
func Protocols() []int {
	var out []int
	for v := ProtocolVersion; v >= OldestProtocol; v-- {
		out = append(out, v)
	}
	return out
}

// PluginKey is the name under which a plugin serves itself in go-plugin's set.
const PluginKey = "patchbay"

// PluginHandshake is go-plugin's handshake: a cookie that tells a plugin that it was
// started by core and not by hand. It is no secret.
var PluginHandshake = goplugin.HandshakeConfig{
	ProtocolVersion:  ProtocolVersion,
	MagicCookieKey:   "PATCHBAY_PLUGIN",
	MagicCookieValue: "5f0d2a7c1e894b36",
}

// EnvWatch names the environment variable by which core tells a plugin to end
// when its standard input closes, as it does when core dies.
const EnvWatch = "PATCHBAY_WATCH_STDIN"
