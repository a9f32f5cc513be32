package lookup

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/expr"
)

// maxAnswer is the largest answer that is read, unpacked (I12).
const maxAnswer = 1 << 20

// maxRedirects is how often a redirect within the host is followed.
const maxRedirects = 3

// web asks a web service.
type web struct {
	c         *config.LookupInWeb
	columns   map[string]int
	client    *http.Client
	transport *http.Transport
	now       func() time.Time
}

func openHTTP(c *config.Lookup) *web {
	// No proxy from the environment: the configuration alone says whom we speak to.
	t := &http.Transport{
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true, MaxConnsPerHost: c.Remote.MaxConnections,
		MaxIdleConnsPerHost: c.Remote.MaxConnections, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
		TLSHandshakeTimeout: c.Remote.Timeout,
	}
	w := &web{c: c.HTTP, columns: columns(c.Columns), transport: t, now: time.Now}
	w.client = &http.Client{Transport: t, CheckRedirect: sameHost}
	return w
}

func columns(names []string) map[string]int {
	out := make(map[string]int, len(names))
	for i, n := range names {
		out[n] = i
	}
	return out
}

// sameHost follows redirects within a host and scheme alone: the headers hold
// credentials.
func sameHost(req *http.Request, via []*http.Request) error {
	if req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme || len(via) > maxRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}

func (w *web) close() error {
	w.transport.CloseIdleConnections()
	return nil
}

// target is the URL for a key: the key can't leave its place in it.
func (w *web) target(key string) string {
	path, query, hasQuery := strings.Cut(w.c.URL, "?")
	path = strings.ReplaceAll(path, config.KeyMark, url.PathEscape(key))
	if !hasQuery {
		return path
	}
	return path + "?" + strings.ReplaceAll(query, config.KeyMark, url.QueryEscape(key))
}

func (w *web) fetch(ctx context.Context, key string) (*expr.Row, error) {
	if key == "." || key == ".." {
		return nil, &refusal{errors.New("the key would be a step to another folder")}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.target(key), nil)
	if err != nil {
		return nil, &refusal{errors.New("the key does not fit into a URL")}
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "patchbay")
	for _, h := range w.c.Headers {
		req.Header.Set(h.Name, h.Value)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		// The error's frame holds the URL, and that the key (I14).
		var frame *url.Error
		if errors.As(err, &frame) {
			err = frame.Err
		}
		return nil, fmt.Errorf("ask: %w", err)
	}
	defer resp.Body.Close()
	return w.answer(resp)
}

// answer judges a response.
func (w *web) answer(resp *http.Response) (*expr.Row, error) {
	status := resp.StatusCode
	err := fmt.Errorf("the answer is %d %s", status, http.StatusText(status))
	switch {
	case slices.Contains(w.c.NotFound, status), status == http.StatusNoContent:
		return nil, nil
	case status == http.StatusOK:
	case status >= 300 && status < 400:
		return nil, fmt.Errorf("%w: it leads elsewhere, which is not followed", err)
	case status == http.StatusTooManyRequests, status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return nil, &later{w.retryAfter(resp.Header.Get("Retry-After")), err}
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusProxyAuthRequired, status < 400:
		return nil, err
	default:
		return nil, &refusal{err}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if len(body) > maxAnswer {
		return nil, &refusal{fmt.Errorf("the answer has more than %d bytes", maxAnswer)}
	}
	return w.row(body)
}

// retryAfter reads the header: seconds, or a date. Zero means that it says nothing.
func (w *web) retryAfter(v string) time.Duration {
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, at.Sub(w.now()))
	}
	return 0
}

// row takes the columns out of a JSON document.
func (w *web) row(body []byte) (*expr.Row, error) {
	if !utf8.Valid(body) {
		return nil, &refusal{errors.New("the answer is not UTF-8")}
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var doc any
	if err := dec.Decode(&doc); err != nil {
		return nil, &refusal{errors.New("the answer is not JSON")}
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, &refusal{errors.New("the answer is more than one JSON document")}
	}
	row := &expr.Row{Columns: w.columns, Values: make([]string, len(w.columns))}
	for _, f := range w.c.Fields {
		v, err := plain(descend(doc, f.Path))
		if err != nil {
			return nil, &refusal{fmt.Errorf("field %q: %w", f.Column, err)}
		}
		row.Values[w.columns[f.Column]] = v
	}
	return row, nil
}

// descend follows a path; nil means that it leads nowhere.
func descend(v any, path config.Path) any {
	for _, s := range path {
		switch at := v.(type) {
		case map[string]any:
			v = at[s.Name] // an index finds nothing: no member has an empty name here
		case []any:
			if s.Name != "" || s.Index >= len(at) {
				return nil
			}
			v = at[s.Index]
		default:
			return nil
		}
	}
	return v
}

// plain is a value as text; null is empty, which counts as missing.
func plain(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", errors.New("it is a list or an object, not a plain value")
}
