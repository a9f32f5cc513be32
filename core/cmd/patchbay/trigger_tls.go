package main

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"net/http"
	"os"

	"github.com/patchbay-io/patchbay/core/config"
)

// client makes the HTTP client of trigger. The receiver is reached by its
// address, which its certificate need not name: what counts is that it shows
// the one that is configured. A URL that was given is checked as usual.
func (a *app) client(f *triggerFlags, cfg *config.Config) (*http.Client, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.clientCert != "" || f.clientKey != "" {
		pair, err := tls.LoadX509KeyPair(f.clientCert, f.clientKey)
		if err != nil {
			return nil, usage("the client certificate cannot be used; --client-cert and --client-key name a certificate and its key, as PEM: %v", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	if c := cfg.Receiver.TLS; c != nil && f.url == "" {
		want, err := firstCertificate(c.CertFile)
		if err != nil {
			return nil, usage("the receiver's certificate cannot be read: %v", err)
		}
		t.InsecureSkipVerify = true // VerifyConnection does it
		t.VerifyConnection = func(s tls.ConnectionState) error {
			if !bytes.Equal(s.PeerCertificates[0].Raw, want) {
				return errors.New("the receiver shows another certificate than cert_file; it may not have read the renewed one yet")
			}
			return nil
		}
	}
	return &http.Client{
		Timeout:       sendTimeout,
		Transport:     &http.Transport{TLSClientConfig: t, Proxy: http.ProxyFromEnvironment},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// firstCertificate returns the listener's own certificate, as DER.
func firstCertificate(file string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for {
		var b *pem.Block
		if b, data = pem.Decode(data); b == nil {
			return nil, errors.New("there is no certificate in " + file)
		}
		if b.Type == "CERTIFICATE" {
			return b.Bytes, nil
		}
	}
}
