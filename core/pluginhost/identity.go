package pluginhost

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// EnvClientCert names the environment variable by which a plugin is told the one
// certificate that it may talk to. It must answer with its own in the handshake.
const EnvClientCert = "PLUGIN_CLIENT_CERT"

// Identity is the certificate by which one plugin knows its host, with its key.
//
// Decision record. Context: go-plugin's AutoMTLS makes such a certificate too, on
// the curve P-521. Decision: ours is on P-256; the handshake is the same. What
// lost: AutoMTLS. BoringSSL, which most gRPC libraries outside of Go and Java are
// built with, does not offer signatures on P-521, so plugins in Python, C++ or
// Ruby could not be talked to. Failure mode: none for plugins in Go, which take
// any certificate that is told to them.
type Identity struct {
	Pair tls.Certificate
	PEM  string
}

// identityAge is longer than any process runs.
const identityAge = 10 * 365 * 24 * time.Hour

// NewIdentity makes an identity of its own.
func NewIdentity(now time.Time) (*Identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("pluginhost: key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("pluginhost: serial number: %w", err)
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "localhost", Organization: []string{"patchbay"}}, DNSNames: []string{"localhost"}, SerialNumber: serial,
		NotBefore: now.Add(-time.Minute), NotAfter: now.Add(identityAge), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyAgreement | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("pluginhost: certificate: %w", err)
	}
	return &Identity{
		Pair: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		PEM:  string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
	}, nil
}

// tls is the host's side. It trusts nobody until go-plugin has read the plugin's
// certificate from the handshake and put it into the empty pool's place.
func (i *Identity) tls() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{i.Pair}, RootCAs: x509.NewCertPool(), ServerName: "localhost", MinVersion: tls.VersionTLS12}
}
