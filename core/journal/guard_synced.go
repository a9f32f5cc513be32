//go:build !mutate_synced

package journal

// publishEarly is true only in a build that proves that the crash tests notice
// a reader above the synced tail (I2).
const publishEarly = false
