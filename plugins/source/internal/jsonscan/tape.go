package jsonscan

// Tape is a document that is read once: its values, in the order in which they
// begin. Where a document is large and all of it is looked at, a tape costs one
// scan; Document and Walk cost one for each level.
//
// It takes 16 bytes a value, and is best used again for the next document. The
// zero value is ready for Read.
type Tape struct {
	nodes []node
	open  []int32 // the objects and arrays around the scanner's place
}

// node is a value or a key.
type node struct {
	start, end int32
	after      int32 // the node after this one and all that is in it
	kind       Kind
	fault      Fault // its own and those of all that is in it
	escaped    bool
}

// bytesPerNode is a low guess of how far apart values and keys begin in the
// webhooks that we know (12 to 20 bytes), so that a tape seldom has to grow.
const bytesPerNode = 12

// Read reads a whole text, as Document does. Text is less than 2 GiB.
func (t *Tape) Read(text string) error {
	if guess := len(text)/bytesPerNode + 1; cap(t.nodes) < guess {
		t.nodes = make([]node, 0, guess)
	}
	t.nodes, t.open = t.nodes[:0], t.open[:0]
	s := scanner{text: text, pos: begin(text)}
	for {
		closing, err := t.token(&s)
		if err != nil {
			return err
		}
		if closing != 0 { // an object or array that is not empty
			t.open = append(t.open, int32(len(t.nodes)-1))
			if closing == '}' {
				err = t.key(&s)
			}
		} else {
			err = t.next(&s)
		}
		if err != nil {
			return err
		}
		if len(t.open) == 0 {
			break
		}
	}
	if s.space(); s.pos != len(text) {
		return s.bad("something after the value")
	}
	return nil
}

// add notes what lies between start and the scanner's place.
func (t *Tape) add(s *scanner, start int, kind Kind, fault Fault, escaped bool) {
	t.nodes = append(t.nodes, node{
		start: int32(start), end: int32(s.pos), after: int32(len(t.nodes) + 1), kind: kind, fault: fault, escaped: escaped,
	})
	if fault != 0 && len(t.open) > 0 {
		t.nodes[t.open[len(t.open)-1]].fault |= fault
	}
}

func (t *Tape) token(s *scanner) (closing byte, err error) {
	s.space()
	start := s.pos
	var fault Fault
	kind, escaped, closing, err := s.token(&fault)
	if err != nil {
		return 0, err
	}
	if len(t.open) >= MaxDepth && (kind == Object || kind == Array) {
		fault |= TooDeep
	}
	t.add(s, start, kind, fault, escaped)
	return closing, nil
}

func (t *Tape) key(s *scanner) error {
	if s.peek() != '"' {
		return s.bad("no key")
	}
	start := s.pos
	var fault Fault
	escaped, err := s.str(&fault)
	if err != nil {
		return err
	}
	t.add(s, start, String, fault, escaped)
	if s.peek() != ':' {
		return s.bad("no colon")
	}
	s.pos++
	return nil
}

// next reads what follows a value: closing brackets, and then a comma and, in an
// object, the next key.
func (t *Tape) next(s *scanner) error {
	for len(t.open) > 0 {
		n := &t.nodes[t.open[len(t.open)-1]]
		closing := byte(']')
		if n.kind == Object {
			closing = '}'
		}
		switch s.peek() {
		case closing:
			s.pos++
			n.end, n.after = int32(s.pos), int32(len(t.nodes))
			t.open = t.open[:len(t.open)-1]
			if n.fault != 0 && len(t.open) > 0 {
				t.nodes[t.open[len(t.open)-1]].fault |= n.fault
			}
		case ',':
			s.pos++
			if closing == '}' {
				return t.key(s)
			}
			return nil
		default:
			return s.bad("neither a comma nor the end")
		}
	}
	return nil
}

// Node is the place of a value on the tape. The document itself is node 0.
type Node int32

// Value returns the value at n.
func (t *Tape) Value(n Node) Value {
	d := &t.nodes[n]
	return Value{Start: int(d.start), End: int(d.end), Kind: d.kind, Fault: d.fault, escaped: d.escaped}
}

// Next returns the node after n and all that is in it. In an array that is the
// next element; in an object keys and values take turns. The first of either is
// n+1, and the last one's Next is that of the object or array.
func (t *Tape) Next(n Node) Node { return Node(t.nodes[n].after) }

// Check returns the faults of the value at n, and DuplicateKey if an object in
// it has a key twice, as the function Check does. text is what was read.
func (t *Tape) Check(text string, n Node) Fault {
	v := t.Value(n)
	if v.Fault != 0 || (v.Kind != Object && v.Kind != Array) {
		return v.Fault
	}
	var keys Keys
	for i, end := n+1, t.Next(n); i < end; i = t.Next(i) {
		if v.Kind == Object {
			if !keys.Add(t.Value(i).Text(text)) {
				return DuplicateKey
			}
			i++
		}
		if f := t.Check(text, i); f != 0 {
			return f
		}
	}
	return 0
}
