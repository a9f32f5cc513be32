//go:build !mutate_atomic

package journal

// splitSteps is true only in a build that proves that the crash tests notice a
// step that is not atomic (I7).
const splitSteps = false
