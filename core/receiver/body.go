package receiver

import (
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

// buffers holds what one request needs while it is handled.
type buffers struct {
	body    []byte
	wire    []byte
	headers []sdk.HeaderField
}

var bufferPool = sync.Pool{New: func() any { return &buffers{body: make([]byte, 0, bodyStart), wire: make([]byte, 0, 8<<10)} }}

// keepBuffer is the largest buffer that goes back to the pool.
const keepBuffer = 256 << 10

func (b *buffers) release() {
	if cap(b.body) > keepBuffer || cap(b.wire) > keepBuffer {
		return
	}
	clear(b.headers)
	b.body, b.wire, b.headers = b.body[:0], b.wire[:0], b.headers[:0]
	bufferPool.Put(b)
}

var (
	errTooLarge = errors.New("receiver: body too large")
	errPressure = errors.New("receiver: too much in hand")
)

// Room is made as a body arrives, so that neither a length that is only
// announced nor a body without one gets past the limit, or keeps others out
// (I12): bodyStart unseen, bodyStep once that has come, then twice as much each
// time.
const (
	bodyStart = 4 << 10
	bodyStep  = 64 << 10
)

// readBody reads the whole body into b.
func (r *Receiver) readBody(b *buffers, w http.ResponseWriter, req *http.Request, limit int64, reserve func(int64) bool) error {
	src, most := req.Body, req.ContentLength+1 // the one more shows the end
	if req.ContentLength < 0 {
		src, most = http.MaxBytesReader(w, req.Body, limit), limit+1
	}
	room := min(most, bodyStart)
	if !reserve(room) {
		return errPressure
	}
	p := pace{o: &r.opts}
	defer p.end()
	body := b.body[:0]
	for {
		if int64(len(body)) == room {
			next := min(most, max(2*room, bodyStep))
			if !reserve(next - room) {
				return errPressure
			}
			room = next
		}
		if int64(cap(body)) < room {
			body = slices.Grow(body, int(room)-len(body))
		}
		n, err := src.Read(body[len(body):room])
		body = body[:len(body)+n]
		if err == io.EOF {
			b.body = body
			return nil
		}
		if err != nil {
			b.body = body[:0]
			var tooLarge *http.MaxBytesError
			if errors.As(err, &tooLarge) {
				return errTooLarge
			}
			return err
		}
		if int64(len(body)) != req.ContentLength { // else its end alone is to come
			p.expect(w, len(body))
		}
	}
}

// pace holds a body that does not come at once to Options.MinBodyRate: what
// trickles in would keep its memory from others until BodyTimeout.
type pace struct {
	o       *Options
	conn    *http.ResponseController
	began   time.Time
	already int
}

// expect is called when got bytes have come and more are to come.
func (p *pace) expect(w http.ResponseWriter, got int) {
	if p.conn == nil {
		p.conn, p.began, p.already = http.NewResponseController(w), time.Now(), got
	}
	allowed := p.o.BodyGrace + time.Duration(float64(got-p.already)/float64(p.o.MinBodyRate)*float64(time.Second))
	// A connection without deadlines is a test's.
	_ = p.conn.SetReadDeadline(p.began.Add(min(allowed, p.o.BodyTimeout)))
}

// end gives the connection the time back that everything else may take.
func (p *pace) end() {
	if p.conn != nil {
		_ = p.conn.SetReadDeadline(p.began.Add(p.o.BodyTimeout))
	}
}

func (r *Receiver) bodyError(w http.ResponseWriter, e *endpoint, err error) {
	w.Header().Set("Connection", "close")
	if errors.Is(err, errPressure) {
		e.metrics.count("pressure")
		reply(w, e.pressure)
		return
	}
	e.metrics.count("invalid")
	status := http.StatusBadRequest
	if errors.Is(err, errTooLarge) {
		status = http.StatusRequestEntityTooLarge
	} else if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
		status = http.StatusRequestTimeout
	}
	reply(w, answer{status: status})
}
