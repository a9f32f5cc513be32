package suite

// Reporter is told what a suite finds. Checks end by returning: a Reporter need
// not be able to stop one.
type Reporter interface {
	// Errorf reports that the plugin breaks the contract. The suite goes on.
	Errorf(format string, args ...any)
	// Logf reports what a person may want to know.
	Logf(format string, args ...any)
	// Skipf reports why a check was not made. It may end the check there
	// and then, so nothing is left open when it is called.
	Skipf(format string, args ...any)
	// Run runs one named check and reports whether it passed.
	Run(name string, check func(Reporter)) bool
}
