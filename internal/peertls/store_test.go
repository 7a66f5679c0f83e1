package peertls_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"warden/internal/peertls"
)

func TestWhoMayConnect(t *testing.T) {
	t.Parallel()
	ours, theirs := authority(t, "ours"), authority(t, "theirs")
	a := issue(t, ours, "a", 0, year)
	for name, test := range map[string]struct {
		dialer  peertls.Pair
		trusts  peertls.Pair
		wants   string        // whom the dialer wants to speak to
		later   time.Duration // how much later it is for the server than when all was issued
		client  string        // why the dialer refuses
		server  string        // why the server does
		dialers time.Duration // the same for the dialer
	}{
		"a peer":                  {dialer: issue(t, ours, "b", 0, year), trusts: ours, wants: "a"},
		"another authority's":     {dialer: issue(t, theirs, "b", 0, year), trusts: theirs, wants: "a", client: "signed by unknown authority"},
		"server of another name":  {dialer: issue(t, ours, "b", 0, year), trusts: ours, wants: "c", client: "certificate is valid for a, not c"},
		"no name":                 {dialer: issue(t, ours, "b", 0, year), trusts: ours, wants: "", client: "cannot validate certificate for 127.0.0.1"},
		"the dialer's is expired": {dialer: issue(t, ours, "b", 0, time.Hour), trusts: ours, wants: "a", later: 2 * time.Hour, server: "current time 2026-11-21T05:00:00Z is after 2026-11-21T04:00:00Z"},
		"not valid yet":           {dialer: issue(t, ours, "b", 0, year), trusts: ours, wants: "a", later: -2 * time.Hour, server: "current time 2026-11-21T01:00:00Z is before 2026-11-21T02:00:00Z"},
		"the server's is expired": {dialer: issue(t, ours, "b", 0, 3*year), trusts: ours, wants: "a", dialers: 2 * year, client: "certificate has expired or is not yet valid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := node(t, a, "a", ours)
			l := serve(t, server)
			dialer := node(t, test.dialer, "", test.trusts)
			server.clock.Skew(test.later)
			dialer.clock.Skew(test.dialers)
			c, err := say(t, l, dialer.store.Client(test.wants))
			switch {
			case test.client == "" && test.server == "":
				if err != nil || len(c.ConnectionState().VerifiedChains) != 1 {
					t.Fatalf("%v, %+v", err, c)
				}
			case err == nil:
				t.Fatal("they speak to each other")
			case test.client != "" && !strings.Contains(err.Error(), test.client):
				t.Errorf("the dialer says %q, want %q", err, test.client)
			}
			if test.server == "" {
				return
			}
			if got := l.await(t); !strings.Contains(got, test.server) {
				t.Errorf("the server says %q, want %q", got, test.server)
			}
		})
	}
}

// TestServerRefusesStrangers is those that a dialer of ours would never be: its
// own Store refuses such files.
func TestServerRefusesStrangers(t *testing.T) {
	t.Parallel()
	ours, theirs := authority(t, "ours"), authority(t, "theirs")
	server := node(t, issue(t, ours, "a", 0, year), "a", ours)
	pair := func(p peertls.Pair) []tls.Certificate {
		c, err := tls.X509KeyPair(p.Cert, p.Key)
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{c}
	}
	for name, test := range map[string]struct {
		cfg  *tls.Config
		want string
	}{
		"no certificate":         {&tls.Config{}, "certificate"},
		"another authority's":    {&tls.Config{Certificates: pair(issue(t, theirs, "b", 0, year))}, "signed by unknown authority"},
		"the authority's itself": {&tls.Config{Certificates: pair(theirs)}, "certificate"},
		"TLS 1.2":                {&tls.Config{Certificates: pair(issue(t, ours, "b", 0, year)), MaxVersion: tls.VersionTLS12}, "unsupported versions"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := serve(t, server)
			test.cfg.InsecureSkipVerify = true
			if len(test.cfg.Certificates) > 0 { // whatever authorities the server names
				test.cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &test.cfg.Certificates[0], nil }
			}
			if _, err := say(t, l, test.cfg); err == nil {
				t.Fatal("it is let in")
			}
			if got := l.await(t); !strings.Contains(got, test.want) {
				t.Errorf("the server says %q, want %q", got, test.want)
			}
		})
	}
	t.Run("plaintext", func(t *testing.T) {
		t.Parallel()
		l := serve(t, server)
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(c) // a reset is an answer as well
		if got := l.await(t); bytes.Contains(answer, []byte("GET")) || !strings.Contains(got, "first record does not look like a TLS handshake") {
			t.Errorf("answer %q, refused with %q", answer, got)
		}
	})
}
