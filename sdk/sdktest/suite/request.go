package suite

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

// Case is one captured request.
type Case struct {
	Name     string
	Config   []byte // JSON; nil takes the folder's config.json
	Secrets  []string
	Fixed    bool // has no status word to vary
	Signed   bool // what proves it is genuine, at SignedAt
	SignedAt time.Time
	Delivery sdk.Delivery
}

// receivedAt is when all captured requests arrived. Nothing a source says may
// depend on it.
var receivedAt = time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)

// LoadCases reads the cases of a folder, in the order of their names, and the
// folder's config.json, "{}" if there is none.
func LoadCases(dir string) (cases []Case, config []byte, err error) {
	config, err = os.ReadFile(filepath.Join(dir, "config.json"))
	if errors.Is(err, os.ErrNotExist) {
		config, err = []byte("{}"), nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("suite: read config: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.http"))
	if err != nil {
		return nil, nil, fmt.Errorf("suite: list cases: %w", err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return nil, nil, fmt.Errorf("suite: read case: %w", err)
		}
		c, err := ParseCase(data)
		if err != nil {
			return nil, nil, fmt.Errorf("suite: %s: %w", f, err)
		}
		c.Name = strings.TrimSuffix(filepath.Base(f), ".http")
		cases = append(cases, *c)
	}
	return cases, config, nil
}

// ParseCase reads one case; the package's documentation has the format.
func ParseCase(data []byte) (*Case, error) {
	c := &Case{Delivery: sdk.Delivery{ReceivedAt: receivedAt, Remote: "192.0.2.1", Authenticated: true}}
	line, rest := cutLine(data)
	for ; strings.HasPrefix(line, "#"); line, rest = cutLine(rest) {
		if err := c.comment(strings.TrimSpace(line[1:])); err != nil {
			return nil, err
		}
	}
	parts := strings.Split(line, " ")
	if len(parts) != 3 || !strings.HasPrefix(parts[2], "HTTP/") {
		return nil, fmt.Errorf("request line %q: want METHOD URL HTTP/1.1", line)
	}
	c.Delivery.Method, c.Delivery.URL = parts[0], parts[1]
	for line, rest = cutLine(rest); line != ""; line, rest = cutLine(rest) {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("header line %q has no colon", line)
		}
		c.Delivery.Headers = append(c.Delivery.Headers, sdk.HeaderField{
			Name: http.CanonicalHeaderKey(name), Value: strings.Trim(value, " \t"),
		})
	}
	c.Delivery.Body = rest
	if body, ok := bytes.CutSuffix(rest, []byte("\n")); ok {
		c.Delivery.Body = bytes.TrimSuffix(body, []byte("\r"))
	}
	return c, nil
}

func (c *Case) comment(text string) error {
	if v, ok := strings.CutPrefix(text, "config:"); ok {
		c.Config = []byte(strings.TrimSpace(v))
		if !json.Valid(c.Config) {
			return errors.New("the comment config: is not JSON")
		}
	}
	if v, ok := strings.CutPrefix(text, "secret:"); ok {
		c.Secrets = append(c.Secrets, strings.TrimSpace(v))
	}
	c.Fixed = c.Fixed || text == "fixed"
	if word, at, _ := strings.Cut(text, " "); word == "signed" && c.SignedAt.IsZero() {
		when := receivedAt
		if at = strings.TrimSpace(at); at != "" {
			var err error
			if when, err = time.Parse(time.RFC3339, at); err != nil {
				return fmt.Errorf("the comment signed: %q is no time like 2026-01-02T03:04:05Z", at)
			}
		}
		c.Signed, c.SignedAt = true, when
	}
	return nil
}

// cutLine returns the first line without its end, and what follows it.
func cutLine(data []byte) (string, []byte) {
	line, rest, _ := bytes.Cut(data, []byte("\n"))
	return string(bytes.TrimSuffix(line, []byte("\r"))), rest
}
