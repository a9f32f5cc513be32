package receiver

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// Run serves l until ctx ends, then lets requests in hand finish within grace.
func (r *Receiver) Run(ctx context.Context, l net.Listener, grace time.Duration) error {
	l = netutil.LimitListener(l, r.opts.MaxConnections)
	if r.opts.TLS != nil {
		l = tls.NewListener(l, r.opts.TLS)
	}
	srv := &http.Server{
		Handler: r, ReadHeaderTimeout: r.opts.HeaderTimeout, ReadTimeout: r.opts.BodyTimeout,
		WriteTimeout: r.opts.BodyTimeout + r.opts.WriteTimeout, IdleTimeout: r.opts.IdleTimeout,
		MaxHeaderBytes: r.opts.MaxHeaderBytes, ErrorLog: log.New(&serverLog{r}, "", 0),
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		r.draining.Store(true)
		graceCtx, cancel := context.WithTimeout(context.Background(), grace)
		err = srv.Shutdown(graceCtx)
		cancel()
		if err != nil {
			_ = srv.Close()
		}
		<-done
	}
	if err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("receiver: serve: %w", err)
	}
	return nil
}

// serverLog takes what the HTTP server has to say. Strangers cause most of it, as
// often as they like, so that is counted rather than logged.
type serverLog struct{ r *Receiver }

// Write implements io.Writer; it is called with one message.
func (l *serverLog) Write(line []byte) (int, error) {
	text := string(bytes.TrimSpace(line))
	switch {
	case bytes.HasPrefix(line, []byte("http: TLS handshake error")):
		l.r.metrics.handshakes.Inc()
		l.r.opts.Log.Debug().Str("problem", text).Msg("TLS handshake failed")
	case bytes.HasPrefix(line, []byte("http: panic")):
		l.r.opts.Log.Error().Str("problem", text).Msg("request handler panicked")
	default:
		l.r.opts.Log.Warn().Str("problem", text).Msg("HTTP server")
	}
	return len(line), nil
}
