package doctor

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// otherFiles is how many files are open besides connections: the journal's,
// lookups', and pipes to plugins.
const otherFiles = 256

// machine looks at limits and clock.
func (e *examination) machine() {
	e.group = GroupMachine
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		e.add("open files", Warn, err.Error(), "Look at the limit with ulimit -n.")
	} else {
		status, detail, remedy := judgeFiles(limit.Cur, e.o.Config.Receiver.MaxConnections)
		e.add("open files", status, detail, remedy)
	}
	status, detail, remedy := judgeClock(e.o.Now())
	e.add("clock", status, detail, remedy)
}

func judgeFiles(limit uint64, connections int) (s Status, detail, remedy string) {
	need := uint64(connections) + otherFiles
	detail = fmt.Sprintf("%d may be open", limit)
	if limit < need {
		return Warn, detail, fmt.Sprintf("max_connections = %d needs %d. Raise the limit (ulimit -n, LimitNOFILE=), or lower max_connections in the receiver block.", connections, need)
	}
	return Pass, detail, ""
}

// The years in which this version can be running.
const (
	firstYear = 2026
	lastYear  = 2060
)

// judgeClock finds clocks that were never set.
func judgeClock(now time.Time) (s Status, detail, remedy string) {
	now = now.UTC()
	detail = now.Format(time.RFC3339)
	if now.Year() < firstYear || now.Year() > lastYear {
		return Fail, detail, "The clock is not set: signatures with a time would be refused, and events dated wrongly. Set it by NTP."
	}
	return Pass, detail, ""
}

// network looks at what the configuration listens on.
func (e *examination) network() {
	e.group = GroupNetwork
	e.port("receiver", e.o.Config.Receiver.Listen)
	e.port("admin", e.o.Config.Admin.Listen)
	e.certificate()
	public := e.o.Config.Receiver.PublicURL
	u, err := url.Parse(public)
	switch {
	case public == "":
		e.add("public_url", Warn, "not set", "Providers that sign the URL are refused unless they call this machine itself. Write public_url in the receiver block.")
	case err != nil || u.Scheme != "https":
		e.add("public_url", Warn, public, "Messages and addresses would cross the network unencrypted. Write an https URL.")
	default:
		e.add("public_url", Pass, public, "")
	}
}

// port tries an address out.
func (e *examination) port(name, listen string) {
	if e.o.Running {
		e.add(name, Pass, listen+" is the running core's", "")
		return
	}
	l, err := net.Listen("tcp", listen)
	if err == nil {
		err = l.Close()
	}
	switch remedy := fmt.Sprintf("Write another listen in the %s block.", name); {
	case err == nil:
		e.add(name, Pass, listen+" is free", "")
	case errors.Is(err, syscall.EADDRINUSE):
		e.add(name, Fail, listen+" is taken", "Another program listens there: ss -ltnp names it. Stop it. Or else: "+remedy)
	case errors.Is(err, fs.ErrPermission):
		e.add(name, Fail, listen+" is not allowed to this user", "Ports below 1024 are for privileged users: AmbientCapabilities=CAP_NET_BIND_SERVICE. Or else: "+remedy)
	default:
		e.add(name, Fail, err.Error(), remedy)
	}
}

// soon is how long before its end a certificate should have been renewed.
const soon = 14 * 24 * time.Hour

// certificate looks at the receiver's certificate.
func (e *examination) certificate() {
	t := e.o.Config.Receiver.TLS
	if t == nil {
		return
	}
	pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		e.add("certificate", Fail, err.Error(), "Check cert_file and key_file of the receiver's tls block.")
		return
	}
	left := pair.Leaf.NotAfter.Sub(e.o.Now())
	detail := "ends " + pair.Leaf.NotAfter.UTC().Format(time.DateOnly)
	switch {
	case left <= 0:
		e.add("certificate", Fail, detail, "Providers refuse it. Renew it; it is read again without a restart.")
	case left < soon:
		e.add("certificate", Warn, detail, "Renew it; it is read again without a restart.")
	default:
		e.add("certificate", Pass, detail, "")
	}
}
