//go:build !mutate_fsync

package journal

// syncEnabled is false only in a build that proves that the crash tests notice
// an acknowledgement without a sync (I1).
const syncEnabled = true
