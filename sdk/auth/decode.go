package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"time"
)

// encoding is how a signature is written as text.
type encoding struct {
	base64 *base64.Encoding // nil for hex
}

func compileEncoding(name string) (encoding, error) {
	switch name {
	case "hex":
		return encoding{}, nil
	case "base64":
		return standardBase64(), nil
	case "base64url":
		return encoding{base64.RawURLEncoding.Strict()}, nil
	}
	return encoding{}, fmt.Errorf("encoding: %q is unknown: write hex, base64 or base64url", name)
}

func standardBase64() encoding { return encoding{base64.RawStdEncoding.Strict()} }

// decode appends the bytes that text stands for to dst. It is false if text is
// empty, has anything besides the encoding (a newline, padding in excess) or
// stands for more than limit bytes.
func (e encoding) decode(dst, text []byte, limit int) ([]byte, bool) {
	if len(text) == 0 || len(text) > 2*limit+4 {
		return dst, false
	}
	at := len(dst)
	var err error
	if e.base64 == nil {
		dst, err = hex.AppendDecode(dst, text)
	} else {
		// The package skips newlines, which would let several texts stand for
		// the same bytes.
		if bytes.IndexByte(text, '\n') >= 0 || bytes.IndexByte(text, '\r') >= 0 {
			return dst, false
		}
		dst, err = e.base64.AppendDecode(dst, unpad(text))
	}
	if err != nil || len(dst)-at > limit {
		return dst[:at], false
	}
	return dst, true
}

// unpad removes the padding of base64, if it is complete.
func unpad(text []byte) []byte {
	if len(text)%4 != 0 {
		return text
	}
	if n := len(text); text[n-1] == '=' {
		if text[n-2] == '=' {
			return text[:n-2]
		}
		return text[:n-1]
	}
	return text
}

// timeUnit is how a time is written.
type timeUnit uint8

const (
	seconds timeUnit = iota
	millis
	rfc3339
)

func compileTimeUnit(name string) (timeUnit, error) {
	switch name {
	case "", "s":
		return seconds, nil
	case "ms":
		return millis, nil
	case "rfc3339":
		return rfc3339, nil
	}
	return 0, fmt.Errorf("time_unit: %q is unknown: write s, ms or rfc3339", name)
}

// lastMillis is the end of the year 9999, the last that RFC 3339 can write. A
// later time is refused: it is no time of signing, and the bound rules overflow
// out where times are subtracted.
const lastMillis = 253402300799999

// parse returns the milliseconds since the epoch that text stands for. Numbers
// are digits alone, without leading zeros: no sign, no space, no fraction.
func (u timeUnit) parse(text []byte) (int64, bool) {
	if u == rfc3339 {
		t, err := time.Parse(time.RFC3339, string(text))
		if err != nil {
			return 0, false
		}
		return t.UnixMilli(), true
	}
	factor := int64(1)
	if u == seconds {
		factor = 1000
	}
	n, ok := parseDigits(text, lastMillis/factor)
	return n * factor, ok
}

func parseDigits(text []byte, limit int64) (int64, bool) {
	if len(text) == 0 || len(text) > 1 && text[0] == '0' {
		return 0, false
	}
	var n int64
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n = n*10 + int64(c-'0'); n > limit {
			return 0, false
		}
	}
	return n, true
}

// window is how far a time may lie from now.
type window struct {
	maxAge   int64 // milliseconds; 0 accepts any
	pastOnly bool  // times in the future pass
}

func (w window) holds(at int64, now time.Time) bool {
	if w.maxAge == 0 {
		return true
	}
	age := now.UnixMilli() - at
	return age <= w.maxAge && (w.pastOnly || age >= -w.maxAge)
}
