package certificate

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Files are the paths of what a listener needs.
type Files struct {
	Cert     string // PEM: the certificate, then its intermediates
	Key      string // PEM: the private key, not encrypted
	ClientCA string // PEM: who signs clients' certificates; empty if none do
}

// Which tells the files apart.
type Which string

// The files.
const (
	Cert     Which = "certificate"
	Key      Which = "key"
	ClientCA Which = "client authorities"
)

// Problem is what is wrong with one of the files. Its text has no path.
type Problem struct {
	Which   Which
	Missing bool // it is not there, or may not be read
	Err     error
}

// Error implements error.
func (p *Problem) Error() string { return fmt.Sprintf("the %s: %v", p.Which, p.Err) }

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Err }

// Set is what was read.
type Set struct {
	Pair    tls.Certificate
	Clients *x509.CertPool // nil without ClientCA
	// The time in which the whole chain is valid.
	NotBefore, NotAfter time.Time
	Names               []string // that the certificate is for

	digest [sha256.Size]byte
}

// maxFile is more than any chain or set of authorities that makes sense.
const maxFile = 1 << 20

// Read reads and checks the files. Errors are Problems.
func Read(f Files) (*Set, error) {
	sum := sha256.New()
	cert, err := readFile(f.Cert, Cert, sum)
	if err != nil {
		return nil, err
	}
	key, err := readFile(f.Key, Key, sum)
	if err != nil {
		return nil, err
	}
	s := &Set{}
	if err := s.pair(cert, key); err != nil {
		return nil, err
	}
	if f.ClientCA != "" {
		ca, err := readFile(f.ClientCA, ClientCA, sum)
		if err != nil {
			return nil, err
		}
		if s.Clients, err = authorities(ca); err != nil {
			return nil, &Problem{Which: ClientCA, Err: err}
		}
	}
	sum.Sum(s.digest[:0])
	return s, nil
}

func readFile(name string, which Which, sum io.Writer) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, &Problem{Which: which, Missing: true, Err: bare(err)}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, &Problem{Which: which, Missing: true, Err: bare(err)}
	}
	if !info.Mode().IsRegular() {
		return nil, &Problem{Which: which, Err: errors.New("it is not a regular file")}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, &Problem{Which: which, Missing: true, Err: bare(err)}
	}
	if len(data) > maxFile {
		return nil, &Problem{Which: which, Err: fmt.Errorf("the file is larger than %d bytes", maxFile)}
	}
	fmt.Fprintf(sum, "%d:", len(data)) // a hash takes everything
	_, _ = sum.Write(data)
	return data, nil
}

// bare takes the path out of a file system's error: whoever reports it knows
// where the path is written.
func bare(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// pair checks certificate and key, each by itself first: the standard library
// says which of them is wrong in words alone.
func (s *Set) pair(cert, key []byte) error {
	chain, err := certificates(cert)
	if err != nil {
		return &Problem{Which: Cert, Err: err}
	}
	if err := checkKey(key); err != nil {
		return &Problem{Which: Key, Err: err}
	}
	if s.Pair, err = tls.X509KeyPair(cert, key); err != nil {
		return &Problem{Which: Key, Err: errors.New("it does not belong to the certificate, or is of a kind that is not supported")}
	}
	leaf := chain[0]
	if leaf.IsCA && len(chain) > 1 {
		return &Problem{Which: Cert, Err: errors.New("the first certificate is an authority's; the listener's own comes first, then its intermediates")}
	}
	s.NotBefore, s.NotAfter = leaf.NotBefore, leaf.NotAfter
	for _, c := range chain[1:] {
		if c.NotBefore.After(s.NotBefore) {
			s.NotBefore = c.NotBefore
		}
		if c.NotAfter.Before(s.NotAfter) {
			s.NotAfter = c.NotAfter
		}
	}
	s.Names = append(s.Names, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		s.Names = append(s.Names, ip.String())
	}
	return nil
}

// certificates decodes all of a file. Other blocks may stand between them.
func certificates(data []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	blocks := 0
	for {
		var b *pem.Block
		if b, data = pem.Decode(data); b == nil {
			break
		}
		blocks++
		if b.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d in it cannot be read: %w", len(out)+1, err)
		}
		out = append(out, c)
	}
	switch {
	case len(out) > 0:
		return out, nil
	case blocks > 0:
		return nil, errors.New("there is PEM in it, but no certificate")
	}
	return nil, errors.New("it is not PEM: it should begin with -----BEGIN CERTIFICATE-----")
}

func checkKey(data []byte) error {
	found := false
	for {
		var b *pem.Block
		if b, data = pem.Decode(data); b == nil {
			break
		}
		switch {
		case b.Type == "ENCRYPTED PRIVATE KEY", b.Headers["DEK-Info"] != "":
			return errors.New("it is encrypted; nobody could type the password at a restart, so store it decrypted and readable by patchbay alone")
		case b.Type == "PRIVATE KEY", b.Type == "EC PRIVATE KEY", b.Type == "RSA PRIVATE KEY":
			found = true
		}
	}
	if !found {
		return errors.New("there is no private key in it: it should contain -----BEGIN PRIVATE KEY-----")
	}
	return nil
}

func authorities(data []byte) (*x509.CertPool, error) {
	cs, err := certificates(data)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, c := range cs {
		pool.AddCert(c)
	}
	return pool, nil
}

// Soon is how long before its end a certificate is worth a warning.
const Soon = 14 * 24 * time.Hour

// Warning says what will or does keep clients from trusting the certificate;
// empty if nothing does.
func (s *Set) Warning(now time.Time) string {
	end := s.NotAfter.UTC().Format(time.DateTime) + " UTC"
	switch {
	case now.After(s.NotAfter):
		return "the certificate expired on " + end
	case now.Before(s.NotBefore):
		return "the certificate is not valid before " + s.NotBefore.UTC().Format(time.DateTime) + " UTC"
	case s.NotAfter.Sub(now) < Soon:
		return fmt.Sprintf("the certificate expires on %s, in %d days", end, int(s.NotAfter.Sub(now).Hours()/24))
	}
	return ""
}
