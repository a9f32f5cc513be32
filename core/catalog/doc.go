// Package catalog knows the plugins of this installation: which programs there
// are, which of them may be run, and which types each serves.
//
// Open looks through folders, decides for each name on one program, and learns
// what it serves: from its cache, by the hash of the program's bytes, or by
// starting it once. Nothing is configured and nothing runs on. What is wrong with
// a plugin is kept as a fault and told to whoever needs the plugin; the others go
// on.
//
// Which program is taken for a name:
//
//   - An override, if there is one. It is said loudly.
//   - What the lock file pins: the first program with the pinned hash, in the
//     order of the folders. If there is none the plugin is refused, and nothing of
//     it is run, not even to ask what it serves.
//   - Where there is a lock file that doesn't name it, only one that lies beside
//     patchbay itself: who can write there can replace patchbay.
//   - Without a lock file the newest that the configuration allows, in the first
//     folder that has one.
//
// A catalog doesn't change, and is safe for concurrent use.
package catalog
