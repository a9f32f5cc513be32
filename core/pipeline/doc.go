// Package pipeline carries stored requests through their source plugin and the
// stages to the staged log.
//
// Each source of a pipeline has a lane of its own, with its own cursor in the
// source's raw log, so that a plugin that is slow or dead delays its own source
// alone (I13). A lane reads a batch, has the plugin parse it, passes the events
// through the stages in the order of the configuration, and commits everything
// that follows from it in one step: staged events and notes, dedup marks, dead
// letters, ledger and cursor (I7). While one batch is committed the next is
// being parsed.
//
// Each request ends as its events, as ignored, or as a dead letter; each event
// as staged, duplicate, filtered or dead letter (I3). An event's ID is a pure
// function of the source's name and of what the provider sent (I8).
//
// A request that its plugin cannot survive is found by halving the batch, tried
// a few times, and becomes a dead letter; a plugin that does not start, or that
// fails on everything, holds its lane instead.
package pipeline
