// Package install puts plugins where configurations find them, from a folder, an
// archive, a mirror or an offline bundle, and packs such a bundle.
//
// What comes in is a stranger's. An archive is unpacked into a fresh folder, with
// bounds, and only files and folders with honest names and modes; anything else
// refuses the whole of it. A program is copied while it is hashed, held against
// the sums of its release and against the lock file, and first run, to ask what
// it serves, from exactly the bytes that were hashed. It appears at its place
// whole or not at all.
//
// It decides nothing about trust beyond that: the caller has the lock file
// changed.
package install
