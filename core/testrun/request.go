package testrun

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// maxRequest is the largest recording that is read, in bytes; the receiver has
// its own, smaller limit.
const maxRequest = 64 << 20

// recorded is a request as a file keeps it: lines that start with # are
// comments, then the request line, headers, an empty line and the body. The
// line break at the file's end does not belong to the body.
type recorded struct {
	method string
	url    *url.URL
	header http.Header
	body   []byte
}

func readRecorded(path string) (*recorded, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxRequest+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxRequest {
		return nil, fmt.Errorf("it is larger than %d bytes", maxRequest)
	}
	return parseRecorded(data)
}

func parseRecorded(data []byte) (*recorded, error) {
	line, rest := cutLine(data)
	for strings.HasPrefix(line, "#") {
		line, rest = cutLine(rest)
	}
	parts := strings.Split(line, " ")
	if len(parts) != 3 || parts[0] == "" || !strings.HasPrefix(parts[2], "HTTP/") {
		return nil, errors.New("its first line is no request line: write METHOD URL HTTP/1.1")
	}
	u, err := url.Parse(parts[1])
	if err != nil || !strings.HasPrefix(u.Path, "/") || u.Host == "" && u.Scheme != "" {
		return nil, errors.New("its first line names no URL: write https://HOST/PATH, or /PATH")
	}
	r := &recorded{method: parts[0], url: u, header: http.Header{}}
	for line, rest = cutLine(rest); line != ""; line, rest = cutLine(rest) {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" {
			return nil, errors.New("a header has no colon; an empty line stands between headers and body")
		}
		r.header.Add(name, strings.Trim(value, " \t"))
	}
	r.body = rest
	if body, ok := bytes.CutSuffix(rest, []byte("\n")); ok {
		r.body = bytes.TrimSuffix(body, []byte("\r"))
	}
	return r, nil
}

// cutLine returns the first line without its end, and what follows it.
func cutLine(data []byte) (string, []byte) {
	line, rest, _ := bytes.Cut(data, []byte("\n"))
	return string(bytes.TrimSuffix(line, []byte("\r"))), rest
}

// public is the URL without its query as the provider called it, empty if the
// recording does not say.
func (r *recorded) public() string {
	if r.url.Host == "" {
		return ""
	}
	base, _, _ := strings.Cut(r.url.String(), "?")
	return base
}

// request makes the request as net/http gives it to a handler.
func (r *recorded) request() *http.Request {
	u := *r.url
	u.Scheme, u.Host, u.User, u.Fragment = "", "", nil, ""
	req := &http.Request{
		Method: r.method, URL: &u, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: r.header.Clone(),
		Host: r.header.Get("Host"), RemoteAddr: "192.0.2.1:40000", RequestURI: u.RequestURI(),
		Body: io.NopCloser(bytes.NewReader(r.body)), ContentLength: int64(len(r.body)),
	}
	if req.Host == "" {
		req.Host = r.url.Host
	}
	for _, name := range []string{"Host", "Content-Length", "Transfer-Encoding"} {
		req.Header.Del(name) // of the connection; the server consumes them
	}
	return req
}

// answer is what the receiver says to a request.
type answer struct {
	header http.Header
	status int
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return len(b), nil
}
