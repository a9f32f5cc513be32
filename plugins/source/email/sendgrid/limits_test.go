package sendgrid

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

// TestLimits proves I12: a request that would cost more than any real one is cut
// off, and what is cut off is kept as one dead letter.
func TestLimits(t *testing.T) {
	t.Parallel()
	c := connect(t)
	const unit = `{"event":"open"}`
	full := "[" + strings.Repeat(unit+",", maxEvents-1) + unit
	for _, more := range []int{0, 1, 3} {
		body := full + strings.Repeat(","+unit, more) + " ]"
		p := parseWire(t, c, body)
		if got := len(p.Events); got != maxEvents {
			t.Errorf("%d elements more: %d events, want %d", more, got, maxEvents)
		}
		if more == 0 && len(p.Verdicts) == 0 {
			continue
		}
		if len(p.Verdicts) != 1 {
			t.Fatalf("%d elements more: %d verdicts, want 1", more, len(p.Verdicts))
		}
		v := p.Verdicts[0]
		want := strings.Repeat(","+unit, more)[1:] + " "
		if got := body[v.Offset : v.Offset+v.Length]; v.Code != codeTooManyEvents || v.Index != maxEvents || got != want {
			t.Errorf("%d elements more: got %s, index %d, %q, want %s, %d, %q", more, v.Code, v.Index, got, codeTooManyEvents, maxEvents, want)
		}
	}
	for members, want := range map[int]string{maxMembers: "", maxMembers + 1: codeTooManyMembers} {
		body := `[{"event":"open"`
		for i := range members - 1 {
			body += fmt.Sprintf(`,"k%d":%d`, i, i)
		}
		p := parseWire(t, c, body+"},"+unit+"]")
		code := ""
		if len(p.Verdicts) > 0 {
			code = p.Verdicts[0].Code
		}
		if code != want {
			t.Errorf("%d members: code %q, want %q", members, code, want)
		}
	}
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0": "1970-01-01T00:00:00Z", "1767312000": "2026-01-02T00:00:00Z", "99999999999": "5138-11-16T09:46:39Z",
		"100000000000": "1973-03-03T09:46:40Z", "1767312000123": "2026-01-02T00:00:00.123Z", "99999999999999": "5138-11-16T09:46:39.999Z",
		"1767312000.5": "2026-01-02T00:00:00.5Z", "1767312000.1234567891234567890": "2026-01-02T00:00:00.123456Z",
		"1767312000123.4567": "2026-01-02T00:00:00.123456Z", "01767312000": "2026-01-02T00:00:00Z",
		"": "", ".": "", ".5": "", "1.": "", "-1": "", "+1": "", "1e9": "", "1.x": "", "1.1234567x": "", " 1": "", "1 ": "", "0x1": "", "nan": "",
		"100000000000000": "", "18446744073709551617": "", "1.2.3": "", "٣": "",
	} {
		got, ok := parseTime(text)
		if ok != (want != "") || (ok && got.Format(time.RFC3339Nano) != want) {
			t.Errorf("parseTime(%q): got %v, %v, want %q", text, got, ok, want)
		}
	}
}

// TestFewAllocations: what an event needs comes in large pieces. Not parallel:
// allocations are counted for the whole process.
func TestFewAllocations(t *testing.T) {
	const n = 500
	in := []sdk.Delivery{{Body: typical(n)}}
	source := New()
	got := testing.AllocsPerRun(10, func() {
		var out sdk.Batch
		if err := source.Parse(context.Background(), in, &out); err != nil {
			t.Error(err)
		}
	})
	if want := n / 5.0; got > want {
		t.Errorf("%v allocations for %d events, want at most %v", got, n, want)
	}
}
