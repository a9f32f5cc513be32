package main

import "github.com/patchbay-io/patchbay/sdk"

// lane is a sequence of events for one partition.
type lane struct {
	partition int
	events    []int
}

// plan divides events into rounds of lanes. The lanes of a round run at the same
// time, the rounds one after the other. Events of one message usually share a
// key, hence a partition, and then one round is enough; where the key differs
// from event to event, a later event of a message waits for the round after the
// earlier one, so that it can still be held back (I5). Events without a message
// (too large) are left out.
func plan(events []sdk.Event, messages []*message, partitions int) [][]lane {
	type place struct{ partition, round int }
	lastOf := map[string]place{}       // by message
	current := make([]int, partitions) // the round that each partition has come to
	laneOf := map[place]int{}          // its place in the round
	var rounds [][]lane
	for i := range events {
		if messages[i] == nil {
			continue
		}
		p := partitionOf(messages[i].key, partitions)
		round := current[p]
		if id := events[i].MessageID; id != "" {
			if last, ok := lastOf[id]; ok && last.partition != p {
				round = max(round, last.round+1)
			}
			lastOf[id] = place{p, round}
		}
		current[p] = round
		if round == len(rounds) {
			rounds = append(rounds, nil)
		}
		at, ok := laneOf[place{p, round}]
		if !ok {
			at = len(rounds[round])
			laneOf[place{p, round}] = at
			rounds[round] = append(rounds[round], lane{partition: p})
		}
		rounds[round][at].events = append(rounds[round][at].events, i)
	}
	return rounds
}

// blocks are the partitions and messages with an event that did not settle.
type blocks struct {
	partitions map[int]bool
	messages   map[string]bool
}

func newBlocks() *blocks { return &blocks{partitions: map[int]bool{}, messages: map[string]bool{}} }

// free returns the events of l before the first that must be held back.
func (b *blocks) free(l lane, events []sdk.Event) []int {
	if b.partitions[l.partition] {
		return nil
	}
	for n, i := range l.events {
		if b.messages[events[i].MessageID] {
			return l.events[:n]
		}
	}
	return l.events
}

// add notes the events of l that did not settle.
func (b *blocks) add(l lane, events []sdk.Event, verdicts []verdict) {
	for _, i := range l.events {
		if k := verdicts[i].kind; k == done || k == reject {
			continue
		}
		b.partitions[l.partition] = true
		if id := events[i].MessageID; id != "" {
			b.messages[id] = true
		}
	}
}
