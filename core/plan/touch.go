package plan

// Touch is what a change of an argument reaches, as a set of bits. Zero means
// that nothing that runs depends on it.
type Touch uint8

// What can be touched.
const (
	// Live values are read each time they are used.
	Live Touch = 1 << iota
	// Endpoint: how the receiver serves a source.
	Endpoint
	// Plugin: the process of a source or sink is replaced.
	Plugin
	// Table: a lookup is opened anew.
	Table
	// Lanes: the lanes of a pipeline are replaced, with its stages.
	Lanes
	// Dispatch: what delivers to a sink is replaced, not the sink's plugin.
	Dispatch
	// Process: fixed for as long as patchbay runs.
	Process
)

// Effect is Touch in a word, the strongest if there are several.
type Effect string

// The effects, from the weakest to the strongest.
const (
	None           Effect = "none"
	InPlace        Effect = "in_place"
	Start          Effect = "start"
	Stop           Effect = "stop"
	RestartPlugin  Effect = "restart"
	RestartProcess Effect = "restart_patchbay"
)

func (t Touch) effect() Effect {
	switch {
	case t&Process != 0:
		return RestartProcess
	case t&Plugin != 0:
		return RestartPlugin
	case t != 0:
		return InPlace
	}
	return None
}
