package cluster

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"warden/internal/cluster/clustertest"
)

// TestConnectionsThatAreRefused knocks at the peers' port in every way that it
// must not open to. Each is counted by its reason and logged with what to do.
func TestConnectionsThatAreRefused(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zapcore.WarnLevel)
	g := newGroup(t, "a", "b", "c")
	g.adjust = func(o *Options) { o.Logger = zap.New(core) }
	b := g.up("b")
	address := b.Address().String()
	other := clustertest.NewAuthority(t)

	shake := func(creds Credentials, protocols ...string) error {
		raw, err := tcp{unanswered: patience}.Dial(t.Context(), address)
		if err != nil {
			return err
		}
		defer func() { _ = raw.Close() }()
		conf := creds.Client("b").Clone()
		conf.NextProtos = protocols
		// What the other side proves is another test's.
		conf.InsecureSkipVerify = true
		conn := tls.Client(raw, conf)
		if err := conn.HandshakeContext(t.Context()); err != nil {
			return err
		}
		// In TLS 1.3 the server's refusal comes after the client's end of it.
		if _, err := conn.Write([]byte("GET " + ProbePath + " HTTP/1.1\r\nHost: b\r\n\r\n")); err != nil {
			return err
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil {
			return res.Body.Close()
		}
		return err
	}
	without := g.ca.Credentials("a")
	for _, c := range []struct {
		name, reason, says string
		knock              func() error
	}{
		{"plaintext", refusedPlaintext, "does not speak TLS", func() error {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }()
			if _, err := fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: b\r\n\r\n"); err != nil {
				return err
			}
			got, err := io.ReadAll(conn)
			if err == nil && len(got) == 0 {
				return io.EOF
			}
			return err
		}},
		{"another authority", refusedCertificate, "not of the authority", func() error { return shake(other.Credentials("a"), protocolHTTP) }},
		{"expired", refusedCertificate, "renew that node's certificate", func() error {
			return shake(g.ca.Credentials("a", clustertest.Expired), protocolHTTP)
		}},
		{"no certificate", refusedCertificate, "only warden's nodes belong", func() error {
			return shake(certless{without}, protocolHTTP)
		}},
		{"not a peer", refusedPeer, "[cluster] peers lists", func() error { return shake(g.ca.Credentials("x"), protocolHTTP) }},
		{"several peers at once", refusedPeer, "several peers", func() error {
			return shake(g.ca.Credentials("a", clustertest.For("a", "c")), protocolRaft)
		}},
		{"another protocol", refusedProtocol, "", func() error { return shake(without, "h2") }},
		{"no protocol", refusedProtocol, "same version on all nodes", func() error { return shake(without) }},
		{"noise instead of a preface", refusedOther, "nothing that can be read", func() error { return shake(without, protocolRaft) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			counter := b.ring.door.refused.count.WithLabelValues(c.reason)
			before := testutil.ToFloat64(counter)
			b.ring.door.refused.forget()
			if err := c.knock(); err == nil {
				t.Error("it was let in")
			}
			eventually(t, "it is counted", func() bool { return testutil.ToFloat64(counter) > before })
			eventually(t, "it is logged", func() bool {
				for _, e := range logs.FilterMessage("a connection to the peers' port was refused").All() {
					m := e.ContextMap()
					if m["reason"] == c.reason && strings.Contains(fmt.Sprint(m["error"]), c.says) {
						return true
					}
				}
				return false
			})
		})
	}
	if err := shake(without, protocolHTTP); err != nil {
		t.Errorf("a peer as it should be: %v", err)
	}
	// A scanner does not fill the log.
	lines := logs.Len()
	for range 50 {
		_ = shake(other.Credentials("a"), protocolHTTP)
	}
	if more := logs.Len() - lines; more > 5 {
		t.Errorf("50 refusals of one kind wrote %d lines", more)
	}
}

// certless shows no certificate.
type certless struct{ Credentials }

// Client implements Credentials.
func (c certless) Client(name string) *tls.Config {
	conf := c.Credentials.Client(name)
	conf.Certificates = nil
	return conf
}

// A node that another one pretends to be is found out by who calls it.
func TestCallerChecksWhoAnswers(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b")
	g.adjust = func(o *Options) {
		if o.NodeName == "b" {
			o.Credentials = g.ca.Credentials("b", clustertest.For("x", "a"))
		}
	}
	g.up("b")
	a := g.up("a")
	_, err := a.probe(t.Context(), "b")
	if err == nil || !strings.Contains(err.Error(), "another name than [cluster] peers has") {
		t.Errorf("%v", err)
	}
}

func TestPeersAPI(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b")
	b := g.up("b")
	a := g.up("a")
	get := func(url string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := a.PeerTransport().RoundTrip(req)
		if err != nil {
			return 0, err.Error()
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}
	if code, _ := get("http://b/x"); code != http.StatusServiceUnavailable {
		t.Errorf("before anything is served: %d", code)
	}
	b.ServePeers(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, ok := PeerName(r.Context())
		_, _ = fmt.Fprintf(w, "%s %s %v %v %v", r.URL.Path, name, ok, b.Speaks(r.Context(), a.ID()), b.Speaks(r.Context(), b.ID()))
	}))
	g.voting(2)
	for _, host := range []string{"b", string(b.ID())} {
		if code, body := get("http://" + host + "/x"); code != http.StatusOK || body != "/x a true true false" {
			t.Errorf("%s: %d %q", host, code, body)
		}
	}
	if code, body := get("http://b-00000001/x"); code != http.StatusMisdirectedRequest || !strings.Contains(body, string(b.ID())) {
		t.Errorf("an id of old: %d %q", code, body)
	}
	if code, body := get("http://c/x"); code != 0 || !strings.Contains(body, "not among [cluster] peers") {
		t.Errorf("nobody: %d %q", code, body)
	}
	if _, ok := PeerName(t.Context()); ok {
		t.Error("a context from nowhere has a peer")
	}
	alone := start(t, options(t, t.TempDir(), &listMachine{}), quick())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://b/x", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := alone.PeerTransport().RoundTrip(req); err == nil {
		t.Errorf("a node alone reached %s", res.Status)
	}
}

// forget has the next refusal of each kind logged again.
func (r *refusals) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.said)
}
