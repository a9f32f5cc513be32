package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// FileName is the file in the data directory that says where a core listens.
const FileName = "admin.json"

// File is what a running core tells the command line.
type File struct {
	Addr    string    `json:"addr"`
	Token   string    `json:"token"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
}

// ErrNoCore says that no core runs on a data directory, or none that answers.
var ErrNoCore = errors.New("admin: no core is running")

// Client asks a running core.
type Client struct {
	file File
	http *http.Client
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 256 << 20

// Connect finds the core that runs on dataDir and makes sure that it answers. A
// file left behind by a core that is gone gives ErrNoCore, like no file at all.
func Connect(ctx context.Context, dataDir string) (*Client, error) {
	path := filepath.Join(dataDir, FileName)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNoCore
	}
	if err != nil {
		return nil, fmt.Errorf("admin: read %s: %w", path, err)
	}
	c := &Client{http: &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, Proxy: nil},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if err := json.Unmarshal(data, &c.file); err != nil {
		return nil, fmt.Errorf("admin: read %s: %w", path, err)
	}
	// The token goes to this machine only, whatever the file says.
	if host, _, err := net.SplitHostPort(c.file.Addr); err != nil || !localHost(host) {
		return nil, fmt.Errorf("admin: %s names no loopback address: %q", path, c.file.Addr)
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var alive struct{ Status string }
	if err := c.do(ctx, http.MethodGet, "/healthz", nil, &alive, false); err != nil || alive.Status != "alive" {
		return nil, fmt.Errorf("%w: %s is left from one that is gone, or it does not answer", ErrNoCore, path)
	}
	return c, nil
}

// Get asks for path under /api/v1/ and reads the data of the answer into out. A
// refusal is an *Error.
func (c *Client) Get(ctx context.Context, path string, q url.Values, out any) error {
	return c.do(ctx, http.MethodGet, "/api/v1/"+path, q, out, true)
}

// Post does what path under /api/v1/ says.
func (c *Client) Post(ctx context.Context, path string, out any) error {
	return c.PostWith(ctx, path, nil, out)
}

// PostWith is Post with parameters. A refusal may have data too.
func (c *Client) PostWith(ctx context.Context, path string, q url.Values, out any) error {
	return c.do(ctx, http.MethodPost, "/api/v1/"+path, q, out, true)
}

// Stream asks for path under /api/v1/ and calls each with every line of the
// answer, until the core ends it, ctx does, or each returns an error, which is
// returned. A refusal is an *Error.
func (c *Client) Stream(ctx context.Context, path string, q url.Values, each func(line []byte) error) error {
	resp, err := c.send(ctx, http.MethodGet, "/api/v1/"+path, q, true)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return c.read(resp, nil)
	}
	in := bufio.NewScanner(resp.Body)
	in.Buffer(make([]byte, 0, 64<<10), maxLine)
	for in.Scan() {
		if err := each(in.Bytes()); err != nil {
			return err
		}
	}
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("admin: read answer: %w", ctx.Err())
	case in.Err() != nil:
		return fmt.Errorf("%w: its answer broke off: %w", ErrNoCore, in.Err())
	}
	return nil
}

// maxLine bounds a line of a streamed answer.
const maxLine = 8 << 20

func (c *Client) do(ctx context.Context, method, path string, q url.Values, out any, token bool) error {
	resp, err := c.send(ctx, method, path, q, token)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return c.read(resp, out)
}

func (c *Client) send(ctx context.Context, method, path string, q url.Values, token bool) (*http.Response, error) {
	u := url.URL{Scheme: "http", Host: c.file.Addr, Path: path, RawQuery: q.Encode()}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	if token {
		req.Header.Set("Authorization", "Bearer "+c.file.Token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoCore, err)
	}
	return resp, nil
}

// read reads the envelope of an answer.
func (c *Client) read(resp *http.Response, out any) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("admin: read answer: %w", err)
	}
	var e Envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return fmt.Errorf("admin: the answer of %s is not ours (%s): %w", c.file.Addr, resp.Status, err)
	}
	if e.Error != nil {
		e.Error.Status = resp.StatusCode
		if len(e.Data) > 0 {
			_ = json.Unmarshal(e.Data, out) // the refusal counts, whatever else it says
		}
		return e.Error
	}
	if err := json.Unmarshal(e.Data, out); err != nil {
		return fmt.Errorf("admin: read answer: %w", err)
	}
	return nil
}
