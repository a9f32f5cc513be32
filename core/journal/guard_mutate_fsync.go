//go:build mutate_fsync

package journal

const syncEnabled = false
