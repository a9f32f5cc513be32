// Package pluginhost runs plugins: one supervised process a configured block,
// over hashicorp/go-plugin with gRPC and mutual TLS.
//
// A Process starts its plugin, configures it, watches it, and starts it again
// with backoff when it dies. Callers ask it for a client and wait while there is
// none: a plugin that crashes or hangs delays only those who need it (I13).
//
// What go-plugin leaves open is closed here: the host's environment is not
// inherited; standard error is read as untrusted text, bounded in line length
// and rate, and never by go-plugin's own parser; a plugin dies with core, by a
// parent-death signal from a thread that lives as long as the plugin and by the
// end of its standard input (F18); a call that passes its deadline ends the
// process group.
//
// It does not know what the calls mean: package sdk's Client does.
package pluginhost
