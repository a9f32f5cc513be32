package lab

// Status is the part of the core's status that a lab looks at.
type Status struct {
	Lanes []struct {
		Backlog uint64 `json:"backlog"`
	} `json:"lanes"`
	Sinks []struct {
		Dispatch []struct {
			Backlog uint64 `json:"backlog"`
		} `json:"dispatch"`
	} `json:"sinks"`
}

// Waiting is what is stored but not in every sink yet, in requests and entries.
func (s *Status) Waiting() uint64 {
	var n uint64
	for _, l := range s.Lanes {
		n += l.Backlog
	}
	for _, k := range s.Sinks {
		for _, d := range k.Dispatch {
			n += d.Backlog
		}
	}
	return n
}
