//go:build mutate_atomic

package journal

const splitSteps = true
