package lab

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// Conn is one keep-alive HTTP/1.1 connection that sends prepared requests. It
// costs a small part of what net/http's client does, so that a load generator on
// the same machine distorts less. It is not safe for concurrent use.
type Conn struct {
	addr string
	c    net.Conn
	r    *bufio.Reader
}

// Dial connects.
func Dial(addr string) (*Conn, error) {
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, fmt.Errorf("lab: dial: %w", err)
	}
	return &Conn{addr: addr, c: c, r: bufio.NewReaderSize(c, 1<<10)}, nil
}

// Close closes the connection.
func (c *Conn) Close() error { return c.c.Close() }

// timeout bounds one exchange.
const timeout = 30 * time.Second

// Do sends a request and returns the answer's status.
func (c *Conn) Do(request []byte) (int, error) {
	if err := c.c.SetDeadline(time.Now().Add(timeout)); err != nil {
		return 0, fmt.Errorf("lab: deadline: %w", err)
	}
	if _, err := c.c.Write(request); err != nil {
		return 0, fmt.Errorf("lab: send: %w", err)
	}
	return c.answer()
}

var errAnswer = errors.New("lab: not an HTTP answer")

func (c *Conn) answer() (int, error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return 0, fmt.Errorf("lab: receive: %w", err)
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, errAnswer
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, errAnswer
	}
	length := 0
	for {
		if line, err = c.r.ReadSlice('\n'); err != nil {
			return 0, fmt.Errorf("lab: receive: %w", err)
		}
		if len(line) <= 2 {
			break
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(v))); err != nil {
				return 0, errAnswer
			}
		}
	}
	if _, err := c.r.Discard(length); err != nil {
		return 0, fmt.Errorf("lab: receive: %w", err)
	}
	return status, nil
}
