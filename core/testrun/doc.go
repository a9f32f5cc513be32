// Package testrun runs the tests of a configuration: recorded requests go the
// way that real ones go, and what comes of them is compared with what the test
// blocks expect.
//
// A request passes the real receiver into a journal of the test's own, the
// source's real plugin parses it, and the pipeline's stages run in the lane that
// they always run in. Only the end differs: no sink is started, and what each of
// them would get is read from the staged log. Nothing outside this machine is
// asked: a lookup other than a file's has the rows that the test gives it.
//
// Tests run side by side, a few at a time, each in its own journal with its own
// dedup memory, and end within Options.Timeout. They share one process of a
// source's plugin as long as they configure it alike.
//
// Secrets that are not there are no hindrance, and secrets that are there are
// not used to judge a recording, which was signed with another: requests are
// authenticated only where a test asks for it. A result does not depend on the
// place where it was made.
package testrun
