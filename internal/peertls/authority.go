package peertls

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

// Pair is a certificate and its key, both in PEM form. The key is a secret.
type Pair struct{ Cert, Key []byte }

// skew is how much earlier than its making a certificate is valid, for clocks
// that differ.
const skew = time.Hour

// NewAuthority makes an authority: a self-signed certificate that may sign
// others and nothing else, ECDSA P-256, valid from now, or a little earlier, for
// so long.
func NewAuthority(name string, now time.Time, lasts time.Duration) (Pair, error) {
	t, err := template(name, now, now.Add(lasts))
	if err != nil {
		return Pair{}, err
	}
	t.IsCA, t.MaxPathLenZero = true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	return sign(t, t, nil)
}

// Request says whom a certificate is for.
type Request struct {
	// Name is the node's name, which becomes the first DNS name.
	Name string
	// DNS and IPs are further names and addresses.
	DNS []string
	IPs []net.IP
	// Lasts is how long it is valid; never longer than its authority.
	Lasts time.Duration
}

// Issue makes a node's certificate, for both sides of a connection, signed by
// the authority. It is valid from now, or a little earlier.
func Issue(authority Pair, r Request, now time.Time) (Pair, error) {
	certs, err := certificates(authority.Cert)
	if err != nil {
		return Pair{}, fmt.Errorf("the authority's certificate %w", err)
	}
	ca := certs[0]
	key, err := privateKey(authority)
	if err != nil {
		return Pair{}, err
	}
	switch {
	case !ca.IsCA:
		return Pair{}, fmt.Errorf("the certificate of %s is no authority: give the one that `warden operator tls ca create` made", subject(ca))
	case !now.Before(ca.NotAfter):
		return Pair{}, fmt.Errorf("the authority %q ended at %s: make a new one with `warden operator tls ca create`", ca.Subject.CommonName, at(ca.NotAfter))
	}
	until := now.Add(r.Lasts)
	if ca.NotAfter.Before(until) {
		until = ca.NotAfter
	}
	t, err := template(r.Name, now, until)
	if err != nil {
		return Pair{}, err
	}
	t.DNSNames, t.IPAddresses = append([]string{r.Name}, r.DNS...), r.IPs
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	return sign(t, ca, key)
}

func template(name string, now, until time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("draw a serial number: %w: check the system's random source", err)
	}
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name, Organization: []string{"warden"}},
		NotBefore: now.Add(-skew), NotAfter: until, BasicConstraintsValid: true,
	}, nil
}

// sign makes a key and a certificate for it; a nil signer signs itself.
func sign(t, parent *x509.Certificate, signer *ecdsa.PrivateKey) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, fmt.Errorf("make a key: %w: check the system's random source", err)
	}
	if signer == nil {
		signer = key
	}
	cert, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), signer)
	if err != nil {
		return Pair{}, fmt.Errorf("sign the certificate of %q: %w: is the key the authority's?", t.Subject.CommonName, err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, fmt.Errorf("encode the key: %w: this is a bug in warden, report it", err)
	}
	return Pair{
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
	}, nil
}

func privateKey(p Pair) (*ecdsa.PrivateKey, error) {
	bad := errors.New("the authority's key is not one that warden made: give the ca.key that `warden operator tls ca create` wrote")
	block, _ := pem.Decode(p.Key)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, bad
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, bad
	}
	if ec, ok := key.(*ecdsa.PrivateKey); ok {
		return ec, nil
	}
	return nil, bad
}

// Info is what a certificate says.
type Info struct {
	Subject   string    `json:"subject"`
	Names     []string  `json:"names"`
	Issuer    string    `json:"issuer"`
	Authority bool      `json:"authority"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	// SelfSigned says that it vouches for itself, as root authorities do.
	SelfSigned bool `json:"self_signed"`
}

// Show reads the certificates of a file in PEM form, in their order.
func Show(data []byte) ([]Info, error) {
	certs, err := certificates(data)
	if err != nil {
		return nil, err
	}
	all := make([]Info, 0, len(certs))
	for _, c := range certs {
		info := Info{
			Subject: c.Subject.CommonName, Names: append([]string{}, c.DNSNames...), Issuer: c.Issuer.CommonName, Authority: c.IsCA,
			NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), SelfSigned: c.CheckSignatureFrom(c) == nil,
		}
		for _, ip := range c.IPAddresses {
			info.Names = append(info.Names, ip.String())
		}
		all = append(all, info)
	}
	return all, nil
}
