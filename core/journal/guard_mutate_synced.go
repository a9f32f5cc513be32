//go:build mutate_synced

package journal

const publishEarly = true
