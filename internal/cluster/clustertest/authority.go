// Package clustertest gives tests what nodes need of each other: an authority
// that issues certificates, good ones and bad ones.
package clustertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority issues certificates that last a day.
type Authority struct {
	tb   testing.TB
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

// NewAuthority makes an authority of its own, with a new key.
func NewAuthority(tb testing.TB) *Authority {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "warden test authority"},
		NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return &Authority{tb: tb, key: key, cert: cert}
}

// Change makes the certificate that is about to be signed another one.
type Change func(*x509.Certificate)

// Expired is a certificate whose time was over an hour ago.
func Expired(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = time.Now().Add(-24*time.Hour), time.Now().Add(-time.Hour)
}

// For is a certificate made out to these names and addresses instead.
func For(names ...string) Change {
	return func(c *x509.Certificate) {
		c.DNSNames, c.IPAddresses = nil, nil
		for _, n := range names {
			if ip := net.ParseIP(n); ip != nil {
				c.IPAddresses = append(c.IPAddresses, ip)
			} else {
				c.DNSNames = append(c.DNSNames, n)
			}
		}
	}
}

// issue signs a certificate for the node of that name.
func (a *Authority) issue(name string, changes []Change) (certPEM, keyPEM []byte) {
	a.tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.tb.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		a.tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	For(name)(template)
	for _, change := range changes {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.tb.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

// Credentials are those of the node of that name, in memory. They implement
// cluster.Credentials.
func (a *Authority) Credentials(name string, changes ...Change) *Credentials {
	a.tb.Helper()
	pair, err := tls.X509KeyPair(a.issue(name, changes))
	if err != nil {
		a.tb.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &Credentials{pair: pair, pool: pool}
}

// Files writes the credentials of the node of that name below dir, as the
// config's tls_cert_file, tls_key_file and tls_ca_file want them.
func (a *Authority) Files(dir, name string, changes ...Change) (cert, key, ca string) {
	a.tb.Helper()
	certPEM, keyPEM := a.issue(name, changes)
	cert, key, ca = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key"), filepath.Join(dir, "ca.crt")
	for file, content := range map[string][]byte{cert: certPEM, key: keyPEM, ca: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			a.tb.Fatal(err)
		}
	}
	return cert, key, ca
}

// Credentials are a key pair and an authority.
type Credentials struct {
	pair tls.Certificate
	pool *x509.CertPool
}

// Server implements cluster.Credentials.
func (c *Credentials) Server() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{c.pair}, ClientCAs: c.pool, ClientAuth: tls.RequireAndVerifyClientCert}
}

// Client implements cluster.Credentials.
func (c *Credentials) Client(name string) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{c.pair}, RootCAs: c.pool, ServerName: name}
}
