package receiver

import (
	"net/url"
	"slices"
	"strings"

	"github.com/patchbay-io/patchbay/sdk"
	"google.golang.org/protobuf/encoding/protowire"
)

// headRoom is the longest head of a frame: the tag, and a length of up to 5 bytes.
const headRoom = 1 + 5

// frame encodes d into buf as an element of ParseRequest.deliveries, the form in
// which the journal keeps it and the plugin gets it. The frame lies inside the
// returned buffer, which may have grown.
func frame(buf []byte, d *sdk.Delivery) (grown, framed []byte) {
	buf = append(buf[:0], make([]byte, headRoom)...)
	buf = d.AppendWire(buf)
	var head [headRoom]byte
	h := protowire.AppendTag(head[:0], 1, protowire.BytesType)
	h = protowire.AppendVarint(h, uint64(len(buf)-headRoom))
	from := headRoom - len(h)
	copy(buf[from:], h)
	return buf, buf[from:]
}

// redactQuery empties the values of the named query parameters: a token in the
// query is a credential and is not stored (I14).
// A name counts however it is escaped.
func redactQuery(address string, names []string) string {
	if len(names) == 0 {
		return address
	}
	base, query, ok := strings.Cut(address, "?")
	if !ok {
		return address
	}
	parts := strings.Split(query, "&")
	for i, p := range parts {
		key, _, _ := strings.Cut(p, "=")
		name, err := url.QueryUnescape(key)
		if err != nil {
			name = key
		}
		if slices.Contains(names, name) {
			parts[i] = key + "="
		}
	}
	return base + "?" + strings.Join(parts, "&")
}
