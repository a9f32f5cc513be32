// Package staged is the form of a staged log's entries: what pipeline writes,
// what dispatch and explain read.
//
// An entry is an event waiting for its sinks, or a note that says why an event
// goes nowhere: a duplicate, filtered. Both keep their place, so that the log
// tells the story of every request (I3). The body is an Event framed as an
// element of WriteRequest.events, so that dispatch forwards it undecoded; what
// dispatch must know of it stands in the entry's Meta.
//
// Each chunk has a Summary: which requests its entries came from, and a Bloom
// filter of the ids by which people ask for a message. Summaries only narrow a
// search down; nothing is decided on them (I6).
package staged
