package pluginhost

import (
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"
)

// The certificate is its own authority, for both directions, and on a curve that
// every TLS library takes.
func TestIdentity(t *testing.T) {
	t.Parallel()
	now := time.Now()
	id, err := NewIdentity(now)
	if err != nil {
		t.Fatal(err)
	}
	block, rest := pem.Decode([]byte(id.PEM))
	if block == nil || len(rest) > 0 {
		t.Fatalf("PEM: got %q", id.PEM)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth} {
		_, err := cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: "localhost", CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{usage}})
		if err != nil {
			t.Errorf("usage %d: %v", usage, err)
		}
	}
	if cert.SignatureAlgorithm != x509.ECDSAWithSHA256 {
		t.Errorf("signature: got %s, want %s", cert.SignatureAlgorithm, x509.ECDSAWithSHA256)
	}
	if roots := id.tls().RootCAs; roots == nil || !roots.Equal(x509.NewCertPool()) {
		t.Error("before the handshake somebody is trusted already")
	}
	other, err := NewIdentity(now)
	if err != nil || other.PEM == id.PEM {
		t.Errorf("two identities are the same, or %v", err)
	}
}
