package install

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/core/lockfile"
	"github.com/patchbay-io/patchbay/core/release"
)

// Mirror is a place with releases in the layout of package release: a folder, or
// a server that serves one.
type Mirror struct {
	dir    string
	base   *url.URL
	client *http.Client
}

// mirrorTimeout bounds a download.
const mirrorTimeout = 10 * time.Minute

// OpenMirror reads where a mirror is: a folder, file:///FOLDER or https://…; plain
// http on this machine alone. client nil means one that follows no redirects.
func OpenMirror(place string, client *http.Client) (*Mirror, error) {
	u, err := url.Parse(place)
	if err != nil || u.Scheme == "" || !strings.Contains(place, "://") {
		return &Mirror{dir: place}, nil
	}
	if client == nil {
		client = &http.Client{Timeout: mirrorTimeout, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	switch {
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, refuse("a mirror's URL has neither user nor query")
	case u.Scheme == "file" && (u.Host == "" || u.Host == "localhost"):
		return &Mirror{dir: filepath.FromSlash(u.Path)}, nil
	case u.Scheme == "https" && u.Host != "", u.Scheme == "http" && loopback(u.Hostname()):
		return &Mirror{base: u, client: client}, nil
	}
	return nil, refuse("%q is no mirror: name a folder, file:///FOLDER or https://HOST/PATH", cut(place))
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Fetch returns the releases of a plugin that allowed accepts, the newest alone.
// A server can't be asked what it has, so there version must be said.
func (m *Mirror) Fetch(ctx context.Context, address, version string, allowed func(version string) bool) (*Offer, error) {
	if !release.ValidAddress(address) {
		return nil, refuse("%q is not the address of a plugin: HOST/NAME or HOST/NAMESPACE/NAME", cut(address))
	}
	if m.base == nil {
		return m.local(address, version, allowed)
	}
	if !release.ValidVersion(version) {
		return nil, refuse("say which version of %s: a server can't be asked for the newest; write %s@1.0.3", address, address)
	}
	if !allowed(version) {
		return nil, refuse("the configuration doesn't allow %s %s", address, version)
	}
	temp, err := os.MkdirTemp("", "patchbay-install-")
	if err != nil {
		return nil, fmt.Errorf("install: %w", err)
	}
	o, err := m.download(ctx, temp, address, version)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(temp))
	}
	o.temp = temp
	return o, nil
}

func (m *Mirror) local(address, version string, allowed func(version string) bool) (*Offer, error) {
	all, err := release.Mirror(m.dir)
	if err != nil {
		return nil, refuse("%w", err)
	}
	o := &Offer{}
	var versions []string
	for _, p := range all {
		if p.Address != address {
			continue
		}
		versions = append(versions, p.Version)
		if err := o.add(p); err != nil {
			return nil, err
		}
	}
	o.Newest(func(r *Release) bool { return (version == "" || r.Version == version) && allowed(r.Version) })
	if len(o.Releases) == 0 {
		have := "it has none of it"
		if len(versions) > 0 {
			slices.SortFunc(versions, func(a, b string) int {
				if release.Less(a, b) {
					return -1
				}
				return 1
			})
			have = "it has " + strings.Join(slices.Compact(versions), ", ")
		}
		return nil, refuse("the mirror has no release of %s that fits: %s", strings.TrimSuffix(address+" "+version, " "), have)
	}
	if o.Releases[0].sums == nil {
		return nil, refuse("%s %s has no %s, which releases on a mirror need", address, o.Releases[0].Version, release.SumsFile)
	}
	return o, nil
}

// download fetches the sums of a release and its program for this platform into
// temp, as a mirror.
func (m *Mirror) download(ctx context.Context, temp, address, version string) (*Offer, error) {
	dir := filepath.Join(temp, filepath.FromSlash(address), version)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("install: %w", err)
	}
	if err := m.get(ctx, path.Join(address, version, release.SumsFile), filepath.Join(dir, release.SumsFile), maxSums); err != nil {
		return nil, err
	}
	sums, err := readSums(dir)
	if err != nil {
		return nil, err
	}
	for file := range sums {
		p, ok := release.ParseFile(file)
		if !ok || p.Name != path.Base(address) || p.Version != version || p.Platform != lockfile.Platform() {
			continue
		}
		if err := m.get(ctx, path.Join(address, version, file), filepath.Join(dir, file), maxFile); err != nil {
			return nil, err
		}
		return folder(temp)
	}
	return nil, refuse("%s %s has no program for %s", address, version, lockfile.Platform())
}

func (m *Mirror) get(ctx context.Context, name, to string, limit int64) error {
	u := m.base.JoinPath(name).String()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	resp, err := m.client.Do(req)
	if err != nil {
		return fmt.Errorf("install: mirror: %w", err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return refuse("the mirror has no %s", u)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("install: mirror: %s answers %s", u, resp.Status)
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	n, err := io.Copy(out, io.LimitReader(resp.Body, limit+1))
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("install: mirror: %s: %w", u, err)
	}
	if n > limit {
		return refuse("%s is larger than %d bytes", u, limit)
	}
	return nil
}
