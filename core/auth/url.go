package auth

import (
	"slices"
	"strings"
)

// urlVariants returns the ways to write url that a sender may have signed: as
// given, without a port and with the scheme's own, and each of these with the
// apostrophes of the query escaped. The first is url itself.
func urlVariants(url string) []string {
	out := make([]string, 0, 6)
	add := func(u string) {
		if !slices.Contains(out, u) {
			out = append(out, u)
		}
	}
	bare, own := portVariants(url)
	for _, u := range []string{url, bare, own} {
		add(u)
		base, query, _ := strings.Cut(u, "?")
		if strings.Contains(query, "'") {
			add(base + "?" + strings.ReplaceAll(query, "'", "%27"))
		}
	}
	return out
}

// portVariants returns url without its port and with the default one.
func portVariants(url string) (bare, own string) {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return url, url
	}
	authority, tail := rest, ""
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority, tail = rest[:end], rest[end:]
	}
	// The port stands behind the last colon, unless that belongs to the
	// credentials or to an IPv6 address.
	host := authority
	if colon := strings.LastIndexByte(authority, ':'); colon > strings.LastIndexAny(authority, "@]") {
		host = authority[:colon]
	}
	bare = scheme + "://" + host + tail
	switch strings.ToLower(scheme) {
	case "https":
		return bare, scheme + "://" + host + ":443" + tail
	case "http":
		return bare, scheme + "://" + host + ":80" + tail
	}
	return bare, bare
}
