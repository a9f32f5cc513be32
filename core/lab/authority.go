package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Authority signs certificates for tests of TLS.
type Authority struct {
	PEM  []byte // its own certificate
	Pool *x509.CertPool
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	next int64
}

// Leaf is a certificate that an Authority signs.
type Leaf struct {
	Name                string // of a client, or of a server beside the loopback addresses
	Client              bool
	NotBefore, NotAfter time.Time
}

// NewAuthority makes an authority that is valid at now, for ten years.
func NewAuthority(name string, now time.Time) (*Authority, error) {
	a := &Authority{next: 1}
	t := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, key, err := a.sign(t)
	if err != nil {
		return nil, err
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("lab: parse authority: %w", err)
	}
	a.key, a.PEM, a.Pool = key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), x509.NewCertPool()
	a.Pool.AddCert(a.cert)
	return a, nil
}

// sign signs t with the authority's key, or with t's own if there is none yet.
func (a *Authority) sign(t *x509.Certificate) ([]byte, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("lab: generate key: %w", err)
	}
	t.SerialNumber = big.NewInt(a.next)
	a.next++
	parent, signer := a.cert, a.key
	if signer == nil {
		parent, signer = t, key
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, nil, fmt.Errorf("lab: sign certificate: %w", err)
	}
	return der, key, nil
}

// Issue returns a certificate and its key, as PEM.
func (a *Authority) Issue(l Leaf) (cert, key []byte, err error) {
	t := &x509.Certificate{
		Subject: pkix.Name{CommonName: l.Name}, NotBefore: l.NotBefore, NotAfter: l.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if l.Client {
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	} else {
		t.DNSNames, t.IPAddresses = []string{l.Name}, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	}
	der, k, err := a.sign(t)
	if err != nil {
		return nil, nil, err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, nil, fmt.Errorf("lab: encode key: %w", err)
	}
	cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), nil
}

// Write issues a certificate into cert.pem and key.pem of a folder, and the
// authority's own into ca.pem.
func (a *Authority) Write(dir string, l Leaf) error {
	cert, key, err := a.Issue(l)
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{"cert.pem": cert, "key.pem": key, "ca.pem": a.PEM} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return fmt.Errorf("lab: write %s: %w", name, err)
		}
	}
	return nil
}
