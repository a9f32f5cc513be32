package testrun

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/sdktest"
)

// The format is that of the conformance suite's cases: what a plugin's author
// has recorded is what a pipeline's author tests with.
func TestRecordedLikeCases(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../plugins/source/*/*/testdata/*.http")
	if err != nil || len(files) < 20 {
		t.Fatalf("got %d recordings (%v), want at least 20", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := sdktest.ParseCase(data)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		got, err := parseRecorded(data)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		d := &want.Delivery
		if got.method != d.Method || got.url.String() != d.URL || !bytes.Equal(got.body, d.Body) {
			t.Errorf("%s\n got %s %s %q\nwant %s %s %q", file, got.method, got.url, got.body, d.Method, d.URL, d.Body)
		}
		headers := 0
		for name, values := range got.header {
			headers += len(values)
			for _, v := range values {
				if !hasHeader(d.Headers, name, v) {
					t.Errorf("%s: got the header %s: %s", file, name, v)
				}
			}
		}
		if headers != len(d.Headers) {
			t.Errorf("%s: got %d headers, want %d", file, headers, len(d.Headers))
		}
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, public, want string }{
		{
			"absolute", "POST https://h.example/a/b?x=1&y=%20 HTTP/1.1\r\nX-A: 1\r\nx-a:  2 \r\nContent-Length: 99\r\n\r\nbody\r\n",
			"https://h.example/a/b", "POST /a/b x=1&y=%20 h.example map[X-A:[1 2]] 4 body",
		},
		{"path alone", "#c\n# d\nGET /a HTTP/1.1\nHost: there\n\n", "", "GET /a  there map[] 0 "},
		{"two breaks at the end", "PUT /a HTTP/1.1\n\nbody\n\n", "", "PUT /a   map[] 5 body\n"},
	} {
		r, err := parseRecorded([]byte(c.text))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		req := r.request()
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("%s %s %s %s %v %d %s", req.Method, req.URL.Path, req.URL.RawQuery, req.Host, req.Header, req.ContentLength, body)
		if got != c.want || r.public() != c.public {
			t.Errorf("%s: got %q, public %q; want %q, %q", c.name, got, r.public(), c.want, c.public)
		}
	}
}

func TestRecordedRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "# only a comment", "POST /a\n\n", "POST /a HTTP/1.1 x\n\n", "POST a HTTP/1.1\n\n", "POST https:///a HTTP/1.1\n\n",
		"POST %zz HTTP/1.1\n\n", "POST /a HTTP/1.1\nno colon\n\n", "POST /a HTTP/1.1\n: x\n\n", " /a HTTP/1.1\n\n",
	} {
		if r, err := parseRecorded([]byte(text)); err == nil {
			t.Errorf("%q: got %+v, want an error", text, r)
		}
	}
}

// No text panics, and what is read can be sent.
func FuzzRecorded(f *testing.F) {
	files, _ := filepath.Glob("testdata/pipeline/requests/*.http")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parseRecorded(data)
		if err != nil {
			return
		}
		if req := r.request(); req.URL.Path == "" || req.ContentLength != int64(len(r.body)) {
			t.Errorf("got %+v of %q", req, data)
		}
	})
}

func hasHeader(hs []sdk.HeaderField, name, value string) bool {
	return slices.Contains(hs, sdk.HeaderField{Name: name, Value: value})
}
