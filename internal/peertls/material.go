package peertls

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"warden/internal/config"
)

// files are the paths of a node's three files.
type files struct{ cert, key, ca string }

// contents are what was in them at one moment.
type contents struct{ cert, key, ca []byte }

func (c contents) equal(d contents) bool {
	return bytes.Equal(c.cert, d.cert) && bytes.Equal(c.key, d.key) && bytes.Equal(c.ca, d.ca)
}

// maxPEM is the size of the largest certificate file: a few thousand
// authorities.
const maxPEM = 4 << 20

func (f files) read() (contents, error) {
	var c contents
	var err error
	if c.cert, err = readPublic(f.cert); err != nil {
		return c, fmt.Errorf("the certificate %s can't be read: %w: let warden's user read it, or make one with `warden operator tls cert create`", f.cert, err)
	}
	if c.key, err = config.ReadPrivateFile(f.key); err != nil {
		return c, fmt.Errorf("the key of the certificate: %w", err)
	}
	if c.ca, err = readPublic(f.ca); err != nil {
		return c, fmt.Errorf("the authorities %s can't be read: %w: let warden's user read it", f.ca, err)
	}
	return c, nil
}

// readPublic reads a file that anybody may read.
func readPublic(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err == nil && !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	if err == nil && info.Size() > maxPEM {
		return nil, errors.New("it is larger than 4 MiB, so not the right one")
	}
	if err == nil && info.Mode().Perm()&0o022 != 0 {
		// Whoever may write the authorities may be anybody's peer.
		return nil, fmt.Errorf("it has mode %#o, and others can write it: run chmod go-w on it", info.Mode().Perm())
	}
	var b []byte
	if err == nil {
		b, err = os.ReadFile(file)
	}
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, pe.Err
	}
	return b, err
}

// material is a set of contents that fits together. It is never changed.
type material struct {
	cert  *tls.Certificate
	leaf  *x509.Certificate
	roots *x509.CertPool
	// until is when the first of the certificate and the authority that signed
	// it ends; what this node shows is worth nothing after that.
	until time.Time
}

// parse makes material of contents. name is whom the certificate must be made
// out to; empty for anybody.
func (f files) parse(c contents, name string, now time.Time) (*material, error) {
	chain, err := certificates(c.cert)
	if err != nil {
		return nil, fmt.Errorf("the certificate %s %w", f.cert, err)
	}
	authorities, err := certificates(c.ca)
	if err != nil {
		return nil, fmt.Errorf("the authorities %s %w", f.ca, err)
	}
	m := &material{leaf: chain[0], roots: x509.NewCertPool(), until: chain[0].NotAfter}
	for _, a := range authorities {
		if !a.IsCA {
			return nil, fmt.Errorf("the authorities %s hold a certificate of %s that is no authority: put the certificates of the CA there", f.ca, subject(a))
		}
		m.roots.AddCert(a)
	}
	pair, err := tls.X509KeyPair(c.cert, c.key)
	if err != nil {
		return nil, fmt.Errorf("the certificate %s and its key don't belong together: %w: install both of one issue", f.cert, err)
	}
	m.cert = &pair
	if name != "" {
		if err := m.leaf.VerifyHostname(name); err != nil {
			return nil, fmt.Errorf("the certificate %s is made out to %s and this node's name is %s: its peers would refuse it: make one for that name", f.cert, subject(m.leaf), name)
		}
	}
	return m, m.check(f, chain, now)
}

// check refuses what every peer would refuse: a certificate that none of the
// authorities signed, or that is for one side of a connection only. That its
// time is over, or has not come, is no reason: another may be put in its place.
func (m *material) check(f files, chain []*x509.Certificate, now time.Time) error {
	for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		chains, err := m.leaf.Verify(x509.VerifyOptions{
			Roots: m.roots, Intermediates: pool(chain[1:]), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{use},
		})
		if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
			if invalid.Reason == x509.Expired {
				continue
			}
			if invalid.Reason == x509.IncompatibleUsage {
				return fmt.Errorf("the certificate %s is not for both sides of a connection: make one with serverAuth and clientAuth", f.cert)
			}
		}
		if err != nil {
			return fmt.Errorf("the certificate %s is not signed by any of the authorities in %s: %w: put its authority there first, on every node", f.cert, f.ca, err)
		}
		for _, c := range chains[0] {
			if c.NotAfter.Before(m.until) {
				m.until = c.NotAfter
			}
		}
	}
	return nil
}

// valid reports whether the certificate's time has come and is not over.
func (m *material) valid(now time.Time) error {
	switch {
	case now.Before(m.leaf.NotBefore):
		return fmt.Errorf("it is not valid before %s", at(m.leaf.NotBefore))
	case now.After(m.until):
		return fmt.Errorf("it ended at %s", at(m.until))
	}
	return nil
}

// certificates reads a file of certificates, all of it: what is cut off or
// strange is an error, since the file may be half written.
func certificates(data []byte) ([]*x509.Certificate, error) {
	begun := bytes.Count(data, []byte("-----BEGIN "))
	var all []*x509.Certificate
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("holds a %s: put certificates alone into it", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("is damaged: %w: install it again", err)
		}
		all = append(all, c)
	}
	switch {
	case len(all) < begun: // pem skips what it can't read
		return nil, errors.New("is cut off or damaged: install it again")
	case len(all) == 0:
		return nil, errors.New("holds no certificate in PEM form: install it again")
	}
	return all, nil
}

func pool(certs []*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certs {
		p.AddCert(c)
	}
	return p
}

// subject says whom a certificate is made out to.
func subject(c *x509.Certificate) string {
	if len(c.DNSNames) > 0 {
		return quoted(c.DNSNames)
	}
	return fmt.Sprintf("%q", c.Subject.CommonName)
}

func at(t time.Time) string { return t.UTC().Format(time.RFC3339) }
