// Package archtest holds the repository to its own shape. Its test reads every
// file and fails, with the reason, when
//
//   - an import points the wrong way: plugins -> sdk <- core, and the finer rules
//     in rules.go;
//   - a package has no comment, or more than one;
//   - a file is longer than 500 lines and not generated;
//   - a file has a note of something left to do, or a path of somebody's machine.
//
// Imports are read from the files themselves, so that files of every operating
// system and build tag count. Transitive imports need no rule of their own: what
// a package may reach is what those it may import may reach.
package archtest
