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
	scheme, authority, tail, ok := splitURL(url)
	if !ok {
		return url, url
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

// splitURL cuts an absolute URL before its authority and before its path. It is
// false for any other.
func splitURL(url string) (scheme, authority, tail string, ok bool) {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok || strings.ContainsAny(scheme, "/?#") {
		return "", "", url, false
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		return scheme, rest[:end], rest[end:], true
	}
	return scheme, rest, "", true
}

// urlPath returns the path of url, as it is written there.
func urlPath(url string) string {
	_, _, tail, _ := splitURL(url)
	path, _, _ := strings.Cut(tail, "?")
	return path
}
