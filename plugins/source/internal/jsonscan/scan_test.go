package jsonscan

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDocument(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		kind  Kind
		fault Fault
	}{
		{`null`, Null, 0}, {` true `, Bool, 0}, {"\ufefffalse\r\n", Bool, 0},
		{`0`, Number, 0}, {`-0.5e+10`, Number, 0}, {`9007199254740993`, Number, 0}, {`1e400`, Number, 0},
		{`""`, String, 0}, {`"a\u00e9\ud83d\ude00\/"`, String, 0},
		{`[]`, Array, 0}, {`{}`, Object, 0}, {`[ [ ] , { } , {"a" : [1,{"b":null}]} ]`, Array, 0},
		{`"` + "\xff" + `"`, String, BadUTF8}, {`{"` + "\xc3(" + `":1}`, Object, BadUTF8},
		{`"\ud800"`, String, LoneSurrogate}, {`"\ud800\u0041"`, String, LoneSurrogate}, {`"\udc00\ud800"`, String, LoneSurrogate},
		{strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth), Array, 0},
		{strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1), Array, TooDeep},
		{strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000), Object, TooDeep},
	} {
		v, err := Document(c.text)
		if err != nil || v.Kind != c.kind || v.Fault != c.fault {
			t.Errorf("Document(%.60q): got %+v, %v, want kind %d, fault %d", c.text, v, err, c.kind, c.fault)
		}
	}
}

func TestDocumentRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", " ", "\ufeff", "nul", "tru", "NaN", "Infinity", "+1", "01", "1.", ".5", "1e", "1e+", "-", "--1", "0x1",
		`"`, `"a`, `"\`, `"\x"`, `"\u12"`, `"\u12g4"`, "\"\n\"", "\"\x00\"", `'a'`,
		"[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1}", "{", "}", `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`,
		`{a:1}`, `{"a" 1}`, `{1:1}`, `{"a":1]`, "1 1", "[] []", "{}x", "[]\x00", "\u00a01", "\ufeff\ufeff1",
	} {
		if v, err := Document(text); !errors.Is(err, ErrSyntax) {
			t.Errorf("Document(%q): got %+v, %v, want a syntax error", text, v, err)
		}
	}
}

func TestTextAndPlace(t *testing.T) {
	t.Parallel()
	const text = ` {"plain" : "x","esc\u0061ped":"\"\\\/\b\f\n\r\t\u20ac\ud83d\ude00\ud800!", "n":9007199254740993.10,"b":true,"z":null,"o":{"k":[1]}} `
	v, err := Document(text)
	if err != nil {
		t.Fatal(err)
	}
	want := [][3]string{
		{"plain", "x", `"x"`}, {"escaped", "\"\\/\b\f\n\r\t€😀\ufffd!", `"\"\\\/\b\f\n\r\t\u20ac\ud83d\ude00\ud800!"`},
		{"n", "9007199254740993.10", "9007199254740993.10"}, {"b", "true", "true"}, {"z", "", "null"},
		{"o", `{"k":[1]}`, `{"k":[1]}`},
	}
	i := 0
	for it := Walk(text, v); it.Next(); i++ {
		if got := [3]string{it.Key.Text(text), it.Value.Text(text), it.Value.Raw(text)}; got != want[i] {
			t.Errorf("member %d: got %q, want %q", i, got, want[i])
		}
	}
	if i != len(want) {
		t.Errorf("walked over %d members, want %d", i, len(want))
	}
	if it := Walk("12", Value{End: 2, Kind: Number}); it.Next() {
		t.Errorf("a number has the element %+v", it.Value)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	many := `{"k0":0`
	for i := range 100 {
		many += `,"m` + strings.Repeat("x", i) + `":1`
	}
	for _, c := range []struct {
		text string
		want Fault
	}{
		{`{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}`, 0}, {`{"a":1,"a":1}`, DuplicateKey}, {`{"a":1,"\u0061":2}`, DuplicateKey},
		{`{"a":{"b":1,"b":2}}`, DuplicateKey}, {`[{"b":1},{"b":1,"c":2,"b":2}]`, DuplicateKey}, {`{"a":1,"A":2}`, 0},
		{many + "}", 0}, {many + `,"k0":1}`, DuplicateKey}, {many + `,"mxxx":1}`, DuplicateKey}, {`{"a":"\ud800"}`, LoneSurrogate},
	} {
		v, err := Document(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := Check(c.text, v); got != c.want {
			t.Errorf("Check(%.60q): got %d, want %d", c.text, got, c.want)
		}
	}
}

func TestFaultCode(t *testing.T) {
	t.Parallel()
	for f, want := range map[Fault]string{0: "", BadUTF8 | TooDeep: "bad_utf8", LoneSurrogate: "lone_surrogate", TooDeep: "too_deep", DuplicateKey: "duplicate_key"} {
		if got := f.Code(); got != want {
			t.Errorf("%d: got %q, want %q", f, got, want)
		}
	}
}

// FuzzDocument holds the scanner against encoding/json: both accept the same
// texts, and agree on what strings and numbers say.
func FuzzDocument(f *testing.F) {
	for _, s := range []string{
		`[{"event":"open","n":1.5e3,"s":"\u00e9\ud83d\ude00","o":{"a":[]}}]`, `{"a":1,"a":2}`, "[1,]", `"\ud800"`, "\xff", `"` + "\xff" + `"`, "[[[[", "1e", " 0 ",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		text := string(data)
		v, err := Document(text)
		std := data
		if bytes.HasPrefix(std, []byte("\xef\xbb\xbf")) {
			std = std[3:]
		}
		valid := json.Valid(std)
		if depth(text) > 5000 { // encoding/json gives up at 10000
			return
		}
		if (err == nil) != valid {
			t.Fatalf("Document: %v, encoding/json says valid=%v", err, valid)
		}
		if err != nil {
			return
		}
		if v.Fault&BadUTF8 == 0 && !utf8.ValidString(text) {
			t.Fatalf("invalid UTF-8 was not seen")
		}
		compare(t, text, v)
		Check(text, v)
	})
}

func depth(text string) (deepest int) {
	d := 0
	for _, c := range text {
		switch c {
		case '[', '{':
			d++
			deepest = max(deepest, d)
		case ']', '}':
			d--
		}
	}
	return deepest
}

// compare holds a value and what is in it against encoding/json.
func compare(t *testing.T, text string, v Value) {
	if v.Fault&TooDeep != 0 {
		return
	}
	if v.Kind == String {
		var want string
		if err := json.Unmarshal([]byte(v.Raw(text)), &want); err != nil {
			t.Fatalf("%q: %v", v.Raw(text), err)
		}
		if got := v.Text(text); got != want && v.Fault&BadUTF8 == 0 {
			t.Fatalf("%q: got %q, want %q", v.Raw(text), got, want)
		}
		return
	}
	n := 0
	for it := Walk(text, v); it.Next(); n++ {
		compare(t, text, it.Value)
		if it.pairs {
			compare(t, text, it.Key)
		}
	}
	if v.Kind == Array {
		var want []json.RawMessage
		if err := json.Unmarshal([]byte(v.Raw(text)), &want); err != nil || len(want) != n {
			t.Fatalf("%q: walked over %d elements, want %d (%v)", v.Raw(text), n, len(want), err)
		}
	}
}
