package engine

import (
	"crypto/tls"
	"fmt"

	"github.com/patchbay-io/patchbay/core/certificate"
	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/receiver"
)

// addReceiver makes the receiver, with its certificate if it has one.
func (e *Engine) addReceiver(rc *config.Receiver) error {
	o := receiver.Options{
		Journal: e.journal, Log: e.log, Registry: e.registry, MaxInFlight: rc.MaxInFlight,
		MaxConnections: rc.MaxConnections, MaxHeaderBytes: rc.MaxHeaderBytes, HeaderTimeout: rc.HeaderTimeout,
		BodyTimeout: rc.BodyTimeout, IdleTimeout: rc.IdleTimeout, WriteTimeout: rc.WriteTimeout,
		Processors: e.o.Processors,
	}
	if rc.TLS != nil {
		var err error
		if e.certificate, err = certificate.New(e.certificateOptions(rc.TLS)); err != nil {
			return fmt.Errorf("engine: receiver: %w", err)
		}
		o.TLS = e.certificate.TLS()
	}
	e.receiver = receiver.New(o)
	return nil
}

func (e *Engine) certificateOptions(c *config.TLS) certificate.Options {
	o := certificate.Options{
		Files: certificate.Files{Cert: c.CertFile, Key: c.KeyFile, ClientCA: c.ClientCAFile},
		Every: c.Reload, Log: e.log.With().Str("part", "receiver").Logger(), Registry: e.registry,
	}
	if c.MinVersion == "1.3" {
		o.MinVersion = tls.VersionTLS13
	}
	return o
}

// memTable keeps the store's working files small beside a small max_disk: they
// count, and must not be most of it. Zero is the journal's own default.
func memTable(maxDisk int64) uint64 {
	const normal, parts = 48 << 20, 16
	if maxDisk == 0 || maxDisk/parts >= normal {
		return 0
	}
	return uint64(maxDisk / parts)
}

// shortage says why there is no room for requests, and what ends that; empty if
// there is.
func (e *Engine) shortage() string {
	c := &e.graph.Load().cfg.Journal
	switch e.journal.Shortage() {
	case journal.DiskLow:
		return fmt.Sprintf("the disk has less than min_free (%d MiB) left: no request is accepted until there is more", c.MinFree>>20)
	case journal.AtMaxDisk:
		return fmt.Sprintf("the journal has reached max_disk (%d MiB): no request is accepted until what all sinks have is older than retain (%v); raise the one or shorten the other",
			c.MaxDisk>>20, c.Retain)
	}
	return ""
}
