// Command patchbay carries message webhooks into a reporting stack, and answers
// what became of each.
//
// There is a file a subcommand. They read flags, ask config, engine, inspect or
// a running core (admin), and render the answer: for people, or with -json as
// one envelope for programs. Long flags work with one dash as well as with two.
//
// Commands that ask about messages find the core that runs on the
// configuration's data directory and ask it; if none runs they open the journal
// themselves, read-only, and say so.
//
// Exit codes: 0 done; 1 internal failure; 2 invalid input or findings; 3 the
// environment is unreachable (no core, no journal, no permission); 4 differences
// found (an account that does not add up, a journal that is not sound).
package main
