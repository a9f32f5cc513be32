package jsonscan

import (
	"strings"
	"testing"
)

// sameTree holds a tape against the values that Document and Walk find. The
// depth at which they count begins elsewhere, so TooDeep is looked at apart.
func sameTree(t *testing.T, text string, tape *Tape, n Node, want Value) {
	t.Helper()
	got := tape.Value(n)
	got.Fault &^= TooDeep
	want.Fault &^= TooDeep
	if got != want {
		t.Fatalf("%.80q, node %d: got %+v, want %+v", text, n, got, want)
	}
	i, end := n+1, tape.Next(n)
	for it := Walk(text, want); it.Next(); i = tape.Next(i) {
		if i >= end {
			t.Fatalf("%.80q, node %d: ends before %+v", text, n, it.Value)
		}
		v := it.Value
		if it.pairs {
			sameTree(t, text, tape, i, it.Key)
			i++
			own := tape.Value(i).Fault
			if got := own | it.Key.Fault; got&^TooDeep != v.Fault&^TooDeep { // Walk adds the key's to the value's
				t.Fatalf("%.80q, node %d: fault %d, want %d", text, i, got, v.Fault)
			}
			v.Fault = own
		}
		sameTree(t, text, tape, i, v)
	}
	if i != end {
		t.Fatalf("%.80q, node %d: ends at node %d, want %d", text, n, end, i)
	}
}

// checkTape reads text in both ways.
func checkTape(t *testing.T, text string, tape *Tape) {
	t.Helper()
	v, want := Document(text)
	got := tape.Read(text)
	if (got == nil) != (want == nil) || (got != nil && got.Error() != want.Error()) {
		t.Fatalf("%.80q: got %v, want %v", text, got, want)
	}
	if want != nil {
		return
	}
	if f := tape.Value(0).Fault; f != v.Fault {
		t.Fatalf("%.80q: fault %d, want %d", text, f, v.Fault)
	}
	if v.Fault&TooDeep != 0 { // Walk is quadratic in the depth
		return
	}
	sameTree(t, text, tape, 0, v)
	if got, want := tape.Check(text, 0), Check(text, v); got != want {
		t.Fatalf("Check(%.80q): got %d, want %d", text, got, want)
	}
}

func TestTape(t *testing.T) {
	t.Parallel()
	var tape Tape // the same for all: nothing of one document may show in the next
	for _, text := range []string{
		`[{"a":1,"b":[1,2,{}],"c":{"d":"e"}},[],3]`, "\ufeff [ 1 , \"x\" ] \r\n", `{}`, `[]`, `null`, ` "a\u00e9" `, `{"a":{"a":{"a":[]}}}`,
		"[\"\xff\",1]", "[{\"\xff\":1},2]", `[1,{"a":["\ud800"]},"x"]`, `{"\udc00":{"b":1}}`,
		`{"a":1,"a":2}`, `[{"a":[{"b":1,"b":2}]}]`, `[{"a":1},{"a":1}]`, `{"a":1,"\u0061":2}`,
		strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth), strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1),
		"[1," + strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth) + "]", strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100),
		"", "[", "[1", "[1,]", "[}", `{"a"`, `{"a" 1}`, `{"a":1,}`, `{1:2}`, "[1]]", "[1] 2", "\ufeff", `{"a`, "tru", strings.Repeat("[", 5000),
	} {
		checkTape(t, text, &tape)
	}
	if !t.Failed() {
		if err := tape.Read("[1,"); err == nil {
			t.Error("a text without an end was read")
		}
		checkTape(t, "[[1],2]", &tape)
	}
}

// TestTapeFaultsStayWithTheirElement is what a part of an array is refused by:
// an element's fault is the element's, and the document's, and nobody else's.
func TestTapeFaultsStayWithTheirElement(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth)
	text := `[{"a":"b"},{"a":{"b":["\ud800"]}},` + deep + `,{"a":"b"}]`
	var tape Tape
	if err := tape.Read(text); err != nil {
		t.Fatal(err)
	}
	want := []Fault{0, LoneSurrogate, TooDeep, 0}
	i := 0
	for n := Node(1); n < tape.Next(0); n = tape.Next(n) {
		if got := tape.Value(n).Fault; i >= len(want) || got != want[i] {
			t.Errorf("element %d: got fault %d, want %d", i, got, want)
		}
		i++
	}
	if got, want := tape.Value(0).Fault, LoneSurrogate|TooDeep; i != 4 || got != want {
		t.Errorf("the document has %d elements and fault %d, want 4 and %d", i, got, want)
	}
}

// FuzzTape holds the tape against Document and Walk, which FuzzDocument holds
// against encoding/json.
func FuzzTape(f *testing.F) {
	for _, s := range []string{
		`[{"event":"open","n":1.5e3,"s":"\u00e9\ud83d\ude00","o":{"a":[]}}]`, `{"a":1,"a":2}`, "[1,]", `["\ud800",{"\ud800":[1]}]`, "[[[[", " 0 ",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var tape Tape
		checkTape(t, text, &tape)
	})
}
