package jsonscan

// Iter walks over the elements of an array or the members of an object that a
// scan has found to be well-formed.
type Iter struct {
	s     scanner
	end   int
	pairs bool

	// Key is the member's key, as it stands in an object.
	Key Value
	// Value is the element, or the member's value.
	Value Value
}

// Walk returns an iterator over v, which lies in text. A value that is neither
// an object nor an array has no elements.
func Walk(text string, v Value) Iter {
	it := Iter{end: v.End, pairs: v.Kind == Object}
	it.s = scanner{text: text, pos: v.End}
	if v.Kind == Object || v.Kind == Array {
		it.s.pos, it.end = v.Start+1, v.End-1
	}
	return it
}

// Next moves to the next element and reports whether there is one.
func (it *Iter) Next() bool {
	it.s.space()
	if it.s.pos >= it.end {
		return false
	}
	if it.s.text[it.s.pos] == ',' {
		it.s.pos++
		it.s.space()
	}
	if it.pairs {
		k := Value{Start: it.s.pos, Kind: String}
		k.escaped, _ = it.s.str(&k.Fault) // well-formed: the document was scanned
		k.End = it.s.pos
		it.Key = k
		it.s.space()
		it.s.pos++ // the colon
	}
	it.Value, _ = it.s.value()
	it.Value.Fault |= it.Key.Fault
	return true
}

// Keys is the set of an object's keys.
type Keys struct {
	few  [24]string
	n    int
	many map[string]struct{}
}

// Add adds a key and reports whether it was not there yet.
func (k *Keys) Add(key string) bool {
	if k.many != nil {
		_, known := k.many[key]
		k.many[key] = struct{}{}
		return !known
	}
	for i := range k.few[:k.n] {
		if k.few[i] == key {
			return false
		}
	}
	if k.n < len(k.few) {
		k.few[k.n] = key
		k.n++
		return true
	}
	k.many = make(map[string]struct{}, 2*len(k.few))
	for _, old := range k.few {
		k.many[old] = struct{}{}
	}
	k.many[key] = struct{}{}
	return true
}

// Check returns v's faults, and DuplicateKey if an object in it has a key twice.
// Keys are compared as decoded: "a" and "\u0061" are the same.
func Check(text string, v Value) Fault {
	if v.Fault != 0 || (v.Kind != Object && v.Kind != Array) {
		return v.Fault
	}
	var keys Keys
	for it := Walk(text, v); it.Next(); {
		if v.Kind == Object && !keys.Add(it.Key.Text(text)) {
			return DuplicateKey
		}
		if f := Check(text, it.Value); f != 0 {
			return f
		}
	}
	return 0
}
