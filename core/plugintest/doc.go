// Package plugintest tries out a plugin's executable, in whatever language it is
// written: `patchbay plugin test`.
//
// It starts the program as core does and checks two things. The protocol between
// the processes: the handshake, the choice of a version, mutual TLS, and that the
// program ends when it is asked to and when core dies. And the contract of each
// type that it serves, with the suites of package suite. What the suites call a
// kill is SIGKILL here.
//
// For the protocol it starts the program without go-plugin, which hides what
// these checks are about.
package plugintest
