package admin

import (
	"encoding/json"
	"net"
	"net/http"

	"golang.org/x/net/netutil"
)

// Envelope is every answer under /api/v1/.
type Envelope struct {
	OK    bool            `json:"ok"`
	Data  json.RawMessage `json:"data,omitempty"`
	Error *Error          `json:"error,omitempty"`
}

// Error is why a request was not done. Code is a word that does not change.
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	// Status is the HTTP status it came with.
	Status int `json:"-"`
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

func marshal(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // only our own types, which can be marshalled, get here
	}
	return b
}

func succeed(w http.ResponseWriter, data any) {
	write(w, http.StatusOK, Envelope{OK: true, Data: marshal(data)})
}

func fail(w http.ResponseWriter, status int, code, message string) {
	write(w, status, Envelope{Error: &Error{Code: code, Message: message}})
}

func write(w http.ResponseWriter, status int, e Envelope) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(marshal(e), '\n')) // the client is gone if this fails
}

// limit bounds the number of open connections.
func limit(l net.Listener, n int) net.Listener { return netutil.LimitListener(l, n) }
