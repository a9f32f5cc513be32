package auth

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// sample is a request with one of everything that a template can name.
func sample() *Request {
	return &Request{
		Method: "POST",
		URL:    "https://user@hooks.example.com:8443/a%2Fb/c?b=2&hub.challenge=x%20y&a=1&b=1",
		Header: http.Header{
			"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"},
			"X-One":        {"first"}, "X-Two": {"1", "2"}, "X-Empty": {""},
		},
		Body: []byte("B=b+b&A=%C3%A4&B=a&B=b+b&blank=&alone"),
	}
}

func jsonSample(body string) *Request {
	return &Request{Method: "POST", URL: "/hook", Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}
}

func TestTemplateText(t *testing.T) {
	t.Parallel()
	const doc = ` {"s":"a\"b\u00e4\ud83d\ude00","n":1.50e+02,"big":9007199254740993,"t":true,"z":null,"o":{"k":"v","":"e"},"l":[{"x":"y"},[7]],"d":1,"d":2} `
	for _, c := range []struct {
		template string
		r        *Request
		want     string
		ok       bool
	}{
		{"", sample(), "", true},
		{"plain", sample(), "plain", true},
		{"{method} {path}", sample(), "POST /a%2Fb/c", true},
		{"{url}", sample(), sample().URL, true},
		{"{url.base}", sample(), "https://user@hooks.example.com:8443/a%2Fb/c", true},
		{"{query}", sample(), "b=2&hub.challenge=x%20y&a=1&b=1", true},
		{"{query.sorted}", sample(), "a=1&b=2&b=1&hub.challenge=x+y", true},
		{"{params.sorted}", sample(), "?a=1&b=1&b=2&hub.challenge=x y.AäBaBb baloneblank", true},
		{"{params.sorted}|{query.sorted}", sample(), "?a=1&b=1&b=2&hub.challenge=x y.AäBaBb baloneblank|a=1&b=2&b=1&hub.challenge=x+y", true},
		{"{query.hub.challenge}", sample(), "x y", true},
		{"{query.b}", sample(), "", false},
		{"{query.none}", sample(), "", false},
		{"{form.sorted}", sample(), "AäBaBb baloneblank", true},
		{"{form.A}", sample(), "ä", true},
		{"{form.B}", sample(), "", false},
		{"{form.blank}{form.alone}.", sample(), ".", true},
		{"{form.none}", sample(), "", false},
		{"{body}", sample(), "B=b+b&A=%C3%A4&B=a&B=b+b&blank=&alone", true},
		{"<{header.x-one}>", sample(), "<first>", true},
		{"{header.X-Two}", sample(), "", false},
		{"{header.X-Empty}", sample(), "", true},
		{"{header.X-None}", sample(), "", false},
		{"{body.sha256.hex}", jsonSample("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", true},
		{"{body.sha256}", jsonSample("abc"), "\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23\xb0\x03\x61\xa3\x96\x17\x7a\x9c\xb4\x10\xff\x61\xf2\x00\x15\xad", true},
		{"{url.sha256.hex}", &Request{URL: "abc"}, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", true},
		{"{url.sha256}", &Request{URL: "abc"}, "\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23\xb0\x03\x61\xa3\x96\x17\x7a\x9c\xb4\x10\xff\x61\xf2\x00\x15\xad", true},
		{"{path}", &Request{URL: "https://example.com?x=/y"}, "", true},
		{"{path}", &Request{URL: "/a?x=://y/z"}, "/a", true},
		{"{path}", &Request{URL: "/a://b/c?d"}, "/a://b/c", true},
		{"{params.sorted}", &Request{URL: "/a"}, "", true},
		{"{params.sorted}", &Request{URL: "/a?x=1"}, "?x=1", true},
		{"{params.sorted}", &Request{URL: "/a", Header: sample().Header, Body: []byte("x=1")}, "?x1", true},
		{"{query.sorted}", &Request{URL: "/a?x=%zz"}, "", false},
		{"{form.sorted}", &Request{Header: sample().Header, Body: []byte("x=%zz")}, "", false},
		{"{form.sorted}{form.x}", &Request{Header: sample().Header, Body: []byte("x=1&y=%4")}, "", false},
		{"{form.sorted}", jsonSample(`a=1`), "", true},
		{"{form.a}", jsonSample(`a=1`), "", false},
		{"{form.sorted}", &Request{Header: http.Header{"Content-Type": {"text/plain", "text/html"}}}, "", false},
		{"{json.s}", jsonSample(doc), "a\"bä😀", true},
		{"{json.n} {json.big} {json.t}", jsonSample(doc), "1.50e+02 9007199254740993 true", true},
		{"{json.o.k}", jsonSample(doc), "v", true},
		{"{json.l.0.x}{json.l.1.0}", jsonSample(doc), "y7", true},
		{"{json.l.2}", jsonSample(doc), "", false},
		{"{json.l.-1}", jsonSample(doc), "", false},
		{"{json.l.x}", jsonSample(doc), "", false},
		{"{json.s.x}", jsonSample(doc), "", false},
		{"{json.z}", jsonSample(doc), "", false},
		{"{json.o}", jsonSample(doc), "", false},
		{"{json.l}", jsonSample(doc), "", false},
		{"{json.d}", jsonSample(doc), "", false},
		{"{json.none}", jsonSample(doc), "", false},
		{"{json.a}", jsonSample(`{"a":1}x`), "", false},
		{"{json.a}", jsonSample(""), "", false},
		{"{json.a}", jsonSample("\xef\xbb\xbf{\"a\":1}"), "", false},
		{"{json.a}", jsonSample(`{"a":"` + "\xff" + `"}`), "", false},
		{"{json.a}", jsonSample(`{"a":"\ud800"}`), "", false},
		{"{json.a}", jsonSample(`{"a":"\ud800x\udc00"}`), "", false},
		{"{json.a}", jsonSample(`{"a":"\udc00\ud800"}`), "", false},
		{"{json.a}", jsonSample(`{"a":"\\\/\b\f\n\r\t\ufffd"}`), "\\/\b\f\n\r\t\ufffd", true},
		{"{json.a}", jsonSample(`{"a":1,"\u0061":2}`), "", false},
		{"{json.a.b}", jsonSample(`{"a":{"b":1},"a":{"b":1}}`), "", false},
		{"{json.a}", jsonSample(`{"a":1,"A":2,"b":3,"b":4}`), "1", true},
		{`{"challenge":"{json.c}","x":{}}`, jsonSample(`{"c":"42"}`), `{"challenge":"42","x":{}}`, true},
		{"{ method} }{", sample(), "{ method} }{", true},
	} {
		tmpl, err := CompileTemplate(c.template)
		if err != nil {
			t.Errorf("CompileTemplate(%q) = %v", c.template, err)
			continue
		}
		for range 2 { // the second time with a scope that was used before
			if got, ok := tmpl.Text(c.r); got != c.want || ok != c.ok {
				t.Errorf("Text(%q) of %q = %q, %v; want %q, %v", c.template, c.r.Body, got, ok, c.want, c.ok)
			}
		}
	}
}

func TestTemplateErrors(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]string{
		"{nothing}":                 "unknown variable {nothing}",
		"{Method}":                  "unknown variable {Method}",
		"{}{method.x}":              "unknown variable {method.x}",
		"a{url":                     `"{url" has no closing brace`,
		"{header}":                  "write {header.NAME}",
		"{header.}":                 "write {header.NAME}",
		"{header.a b}":              "is no name of a header",
		"{header.X:Y}":              "is no name of a header",
		"{header.Ä}":                "is no name of a header",
		"{json}":                    "which one is not said",
		"{json.a..b}":               "a step of the path is empty",
		"{query.}":                  "which one is not said",
		"{form}":                    "which one is not said",
		"{key}":                     "signature's text alone",
		"x{time}":                   "signature's text alone",
		strings.Repeat("x", 4097):   "longer than 4096 bytes",
		strings.Repeat("{url}", 65): "more than 64 parts",
	} {
		if _, err := CompileTemplate(template); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("CompileTemplate(%.40q) = %v, want an error with %q", template, err, want)
		}
	}
}

func TestTemplateReads(t *testing.T) {
	t.Parallel()
	tmpl, err := CompileTemplate("{header.x-b}{header.X-A}{query.t}{header.X-B}{json.a}{url}")
	if err != nil {
		t.Fatal(err)
	}
	headers, query := tmpl.Reads()
	if want := []string{"X-A", "X-B"}; !reflect.DeepEqual(headers, want) {
		t.Errorf("headers = %q, want %q", headers, want)
	}
	if want := []string{"t"}; !reflect.DeepEqual(query, want) {
		t.Errorf("query = %q, want %q", query, want)
	}
}

// I12: neither the number of parameters nor the depth of a document has a say
// in how much is done.
func TestBoundedDecoding(t *testing.T) {
	t.Parallel()
	form := func(n int) *Request {
		return &Request{Header: sample().Header, Body: []byte(strings.Repeat("a&", n))}
	}
	deep := func(n int) *Request {
		return jsonSample(strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n))
	}
	for _, c := range []struct {
		name, template string
		r              *Request
		ok             bool
	}{
		{"1024 fields", "{form.sorted}", form(1024), true},
		{"1025 fields", "{form.sorted}", form(1025), false},
		{"1025 parameters", "{query.sorted}", &Request{URL: "/?" + strings.Repeat("a&", 1025)}, false},
		{"deep", "{json.b}", deep(9000), false},
		{"too deep", "{json.b}", deep(20000), false},
	} {
		tmpl, err := CompileTemplate(c.template)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := tmpl.Text(c.r); ok != c.ok {
			t.Errorf("%s: ok = %v, want %v", c.name, ok, c.ok)
		}
	}
}

func TestURLVariants(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"https://h/p": {"https://h/p", "https://h:443/p"},
		"http://h":    {"http://h", "http://h:80"},
		"https://h:1/p?a=':'": {
			"https://h:1/p?a=':'", "https://h:1/p?a=%27:%27", "https://h/p?a=':'", "https://h/p?a=%27:%27",
			"https://h:443/p?a=':'", "https://h:443/p?a=%27:%27",
		},
		"https://h:443/it's":     {"https://h:443/it's", "https://h/it's"},
		"https://u:p@h/":         {"https://u:p@h/", "https://u:p@h:443/"},
		"https://u:p@h:8/":       {"https://u:p@h:8/", "https://u:p@h/", "https://u:p@h:443/"},
		"http://[::1]/":          {"http://[::1]/", "http://[::1]:80/"},
		"http://[::1]:9/":        {"http://[::1]:9/", "http://[::1]/", "http://[::1]:80/"},
		"ftp://h:1/":             {"ftp://h:1/", "ftp://h/"},
		"/p?a=http://h:1/":       {"/p?a=http://h:1/"},
		"/p?a=b:c":               {"/p?a=b:c"},
		"https://h?u=http://x:1": {"https://h?u=http://x:1", "https://h:443?u=http://x:1"},
	} {
		if got := urlVariants(in); !reflect.DeepEqual(got, want) {
			t.Errorf("urlVariants(%q) = %q, want %q", in, got, want)
		}
	}
}
