package lab

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Request returns a whole HTTP request with a form of any fields, signed for the
// maker's URL with query added to it. path is where it is sent, without query.
func (t *Twilio) Request(host, path, query string, fields map[string]string) []byte {
	if query != "" {
		query = "?" + query
	}
	form, text := url.Values{}, t.URL+query
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		form.Set(name, fields[name])
		text += name + fields[name]
	}
	t.mac.Reset()
	t.mac.Write([]byte(text))
	var sum [sha1.Size]byte
	body := form.Encode()
	var b strings.Builder
	fmt.Fprintf(&b, "POST %s%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: TwilioProxy/1.1\r\nAccept: */*\r\n"+
		"Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\nX-Twilio-Signature: %s\r\nContent-Length: %d\r\n\r\n%s",
		path, query, host, base64.StdEncoding.EncodeToString(t.mac.Sum(sum[:0])), len(body), body)
	return []byte(b.String())
}
