package sendgrid

import (
	"fmt"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/sdk"
)

// typical returns an array of n events as a sender with two custom arguments
// gets them, 300 to 500 bytes each.
func typical(n int) []byte {
	var b strings.Builder
	for i := range n {
		b.WriteString(map[bool]string{true: "[", false: ",\r\n"}[i == 0])
		common := fmt.Sprintf(`"email":"person%d@example.com","timestamp":%d,"smtp-id":"<%d.abc@ismtpd0001>",`+
			`"sg_event_id":"ZXZlbnQ%08dLXNvbWUtbW9yZS10ZXh0","sg_message_id":"bWVzc2FnZS%08d.filterdrecv-7d5f-%d.0",`+
			`"category":["spring","sale"],"customer_id":"c%d","tier":"gold"`, i, 1767000000+i, i, i, i, i, i)
		switch i % 4 {
		case 0:
			fmt.Fprintf(&b, `{%s,"event":"delivered","response":"250 2.0.0 OK %d gsmtp","ip":"192.0.2.7","tls":1}`, common, i)
		case 1:
			fmt.Fprintf(&b, `{%s,"event":"open","useragent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64)","ip":"192.0.2.7","sg_machine_open":false}`, common)
		case 2:
			fmt.Fprintf(&b, `{%s,"event":"click","url":"https://example.com/a?b=%d","url_offset":{"index":0,"type":"html"},"ip":"192.0.2.7"}`, common, i)
		default:
			fmt.Fprintf(&b, `{%s,"event":"processed"}`, common)
		}
	}
	b.WriteString("]\r\n")
	return []byte(b.String())
}

// BenchmarkParse measures arrays of 500 and of one event.
// Run: go test -run - -bench Parse -benchmem ./plugins/source/email/sendgrid
func BenchmarkParse(b *testing.B) {
	for _, n := range []int{1, 500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			body := typical(n)
			in := []sdk.Delivery{{Body: body}}
			source := New()
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				var out sdk.Batch
				if err := source.Parse(b.Context(), in, &out); err != nil {
					b.Fatal(err)
				}
				if got := len(out.Events()); got != n {
					b.Fatalf("%d events, want %d", got, n)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/event")
		})
	}
}
