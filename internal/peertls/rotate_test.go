package peertls_test

import (
	"crypto/tls"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"warden/internal/clock"
	"warden/internal/config"
	"warden/internal/peertls"
)

// TestRotation replaces the certificate and then the authority of two nodes, one
// file after the other, while a connection stays open and new ones are made in
// between.
func TestRotation(t *testing.T) {
	t.Parallel()
	oldCA, newCA := authority(t, "old"), authority(t, "new")
	a, b := node(t, issue(t, oldCA, "a", 0, year), "a", oldCA), node(t, issue(t, oldCA, "b", 0, year), "b", oldCA)
	l := serve(t, a)
	open, err := say(t, l, b.store.Client("a"))
	if err != nil {
		t.Fatal(err)
	}
	first := open.ConnectionState().PeerCertificates[0]
	step := func(what string) *tls.Conn {
		t.Helper()
		a.clock.Advance(time.Second)
		b.clock.Advance(time.Second)
		c, err := say(t, l, b.store.Client("a"))
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if err := repeat(open); err != nil {
			t.Fatalf("%s: the open connection: %v", what, err)
		}
		return c
	}

	a.install(issue(t, oldCA, "a", 0, 2*year))
	if c := step("a new certificate"); c.ConnectionState().PeerCertificates[0].Equal(first) {
		t.Error("the old certificate is still shown")
	}
	b.trust(oldCA, newCA)
	a.trust(oldCA, newCA)
	step("both authorities")
	b.install(issue(t, newCA, "b", 0, year))
	step("b's by the new authority")
	a.install(issue(t, newCA, "a", 0, year))
	step("a's as well")
	a.trust(newCA)
	b.trust(newCA)
	step("only the new authority")

	b.trust(oldCA) // b's own certificate would be worth nothing
	step("an authority that did not sign")
	if got := b.logs.FilterLevelExact(zapcore.ErrorLevel).All(); len(got) != 1 || !strings.Contains(got[0].ContextMap()["error"].(string), "is not signed by any of the authorities") {
		t.Errorf("logged %v", got)
	}
	if err := b.store.Reload(); err == nil {
		t.Error("Reload says that it is fine")
	}
	stranger := node(t, issue(t, oldCA, "b", 0, year), "b", oldCA, newCA)
	if _, err := say(t, l, stranger.store.Client("a")); err == nil {
		t.Error("the old authority is still believed")
	}
}

// TestHalfRotated is what a node sees between two writes: it goes on with what
// it had, and says so once.
func TestHalfRotated(t *testing.T) {
	t.Parallel()
	ca := authority(t, "ours")
	first, second := issue(t, ca, "a", 0, year), issue(t, ca, "a", 0, 2*year)
	both := append(append([]byte{}, ca.Cert...), authority(t, "theirs").Cert...)
	for name, test := range map[string]struct {
		file string
		data []byte
		mode os.FileMode
		want string
	}{
		"the certificate first":  {"node.crt", second.Cert, 0o644, "don't belong together"},
		"the key first":          {"node.key", second.Key, 0o600, "don't belong together"},
		"half a certificate":     {"node.crt", second.Cert[:len(second.Cert)/2], 0o644, "is cut off or damaged"},
		"an empty file":          {"node.crt", nil, 0o644, "holds no certificate"},
		"half of two":            {"ca.crt", both[:len(both)-100], 0o644, "is cut off or damaged"},
		"the first of two":       {"ca.crt", append([]byte("-----BEGIN CERTIFICATE-----\nMIIB\n"), ca.Cert...), 0o644, "is cut off or damaged"},
		"a key among them":       {"ca.crt", ca.Key, 0o600, "holds a PRIVATE KEY"},
		"no authority":           {"ca.crt", first.Cert, 0o644, "that is no authority"},
		"a key others can read":  {"node.key", second.Key, 0o644, "others can read or write it: run chmod 600"},
		"authorities to write":   {"ca.crt", ca.Cert, 0o666, "others can write it: run chmod go-w"},
		"another node's":         {"node.crt", issue(t, ca, "b", 0, year).Cert, 0o644, "don't belong together"},
		"a key that is none":     {"node.key", []byte("hunter2"), 0o600, "don't belong together"},
		"a directory":            {"node.crt", nil, os.ModeDir, "not a regular file"},
		"a certificate that ran": {"both", nil, 0, "it ended at"},
		"one that is to come":    {"later", nil, 0, "it is not valid before"},
		"made out to another":    {"other", nil, 0, `made out to "b" and this node's name is a`},
		"gone":                   {"gone", nil, 0, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := node(t, first, "a", ca)
			file := s.file(test.file)
			switch {
			case test.file == "both":
				s.install(issue(t, ca, "a", -2*time.Hour, time.Hour))
			case test.file == "later":
				s.install(issue(t, ca, "a", 2*time.Hour, time.Hour))
			case test.file == "other":
				s.install(issue(t, ca, "b", 0, year))
			case test.file == "gone":
				if err := os.Remove(s.file("node.crt")); err != nil {
					t.Fatal(err)
				}
			case test.mode.IsDir():
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
				if err := os.Mkdir(file, 0o755); err != nil {
					t.Fatal(err)
				}
			default:
				put(t, file, test.data, test.mode)
			}
			l := serve(t, s)
			peer := node(t, issue(t, ca, "b", 0, year), "b", ca)
			for range 3 {
				s.clock.Advance(time.Second)
				if _, err := say(t, l, peer.store.Client("a")); err != nil {
					t.Fatal(err)
				}
			}
			logged := s.logs.FilterLevelExact(zapcore.ErrorLevel).All()
			if len(logged) != 1 {
				t.Fatalf("logged %d times: %v", len(logged), logged)
			}
			said, _ := logged[0].ContextMap()["error"].(string)
			if !strings.Contains(said, test.want) || strings.Contains(said, "hunter2") {
				t.Errorf("said %q, want %q", said, test.want)
			}
			if got, want := s.store.NotAfter(), start.Add(year); !got.Equal(want) {
				t.Errorf("ends at %s, want %s: the new one was taken", got, want)
			}
			if test.mode.IsDir() {
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
			}
			s.install(second, ca)
			s.clock.Advance(time.Second)
			if got, want := s.store.NotAfter(), start.Add(2*year); !got.Equal(want) {
				t.Errorf("after the whole was written it ends at %s, want %s", got, want)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	ca := authority(t, "ours")
	good := issue(t, ca, "a", 0, year)
	for name, test := range map[string]struct {
		spoil func(s *side)
		want  string
	}{
		"no certificate":      {func(s *side) { _ = os.Remove(s.file("node.crt")) }, "can't be read: no such file or directory: let warden's user read it"},
		"no key":              {func(s *side) { _ = os.Remove(s.file("node.key")) }, "the key of the certificate: the secret's file can't be read"},
		"no authorities":      {func(s *side) { _ = os.Remove(s.file("ca.crt")) }, "the authorities"},
		"others read the key": {func(s *side) { put(s.t, s.file("node.key"), good.Key, 0o604) }, "run chmod 600"},
		"another name":        {func(s *side) { s.install(issue(t, ca, "b", 0, year)) }, "its peers would refuse it"},
		"an authority's":      {func(s *side) { s.install(ca) }, "made out to"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSide(t)
			s.install(good, ca)
			test.spoil(s)
			if err := s.load("a"); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	t.Run("no file is named", func(t *testing.T) {
		t.Parallel()
		if _, err := peertls.Load("", "x", "y", peertls.Options{Clock: clock.System(), Logger: zap.NewNop()}); err == nil || !strings.Contains(err.Error(), "mutual TLS only") {
			t.Errorf("got %v", err)
		}
	})
}

// TestExpiredIsLoaded wants a node to start, so that it can serve people and
// take the certificate that replaces the one that ended.
func TestExpiredIsLoaded(t *testing.T) {
	t.Parallel()
	ca := authority(t, "ours")
	s := node(t, issue(t, ca, "a", -3*time.Hour, time.Hour), "a", ca)
	if got := s.logs.FilterMessageSnippet("peers refuse").Len(); got != 1 {
		t.Errorf("said %d times that peers refuse it", got)
	}
	s.install(issue(t, ca, "a", 0, year))
	s.clock.Advance(time.Second)
	if got := s.store.NotAfter(); !got.Equal(start.Add(year)) {
		t.Errorf("ends at %s", got)
	}
}

// TestLooksOnceASecond reads nothing in between, and reads at once when told.
func TestLooksOnceASecond(t *testing.T) {
	t.Parallel()
	ca := authority(t, "ours")
	s := node(t, issue(t, ca, "a", 0, year), "a", ca)
	s.install(issue(t, ca, "a", 0, 2*year))
	s.clock.Advance(999 * time.Millisecond)
	if got := s.store.NotAfter(); !got.Equal(start.Add(year)) {
		t.Errorf("after less than a second it ends at %s", got)
	}
	if err := s.store.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := s.store.NotAfter(); !got.Equal(start.Add(2 * year)) {
		t.Errorf("after Reload it ends at %s", got)
	}
	s.install(issue(t, ca, "a", 0, 3*year))
	s.clock.Skew(-time.Hour)
	if got := s.store.NotAfter(); !got.Equal(start.Add(3 * year)) {
		t.Errorf("after the clock went back it ends at %s", got)
	}
}

func TestExpiryMetricAndBareNames(t *testing.T) {
	t.Parallel()
	ca, err := peertls.NewAuthority("short", start, 90*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	s := newSide(t)
	s.install(issue(t, ca, "a", 0, year), ca)
	env := func(name string) (string, bool) { return s.dir, name == "CREDENTIALS_DIRECTORY" }
	reg := prometheus.NewPedanticRegistry()
	load := func(env config.Env) (*peertls.Store, error) {
		return peertls.Load("node.crt", "node.key", s.file("ca.crt"), peertls.Options{Env: env, Clock: s.clock, Logger: zap.NewNop(), Registerer: reg})
	}
	if _, err := load(nil); err == nil || !strings.Contains(err.Error(), "LoadCredential=") {
		t.Errorf("without the directory: %v", err)
	}
	for range 2 { // Close takes the metric back
		store, err := load(env)
		if err != nil {
			t.Fatal(err)
		}
		want := `
# HELP warden_tls_certificate_expiry_timestamp_seconds When the certificate that this node shows its peers ends, or the authority that signed it if that is sooner.
# TYPE warden_tls_certificate_expiry_timestamp_seconds gauge
warden_tls_certificate_expiry_timestamp_seconds 1.803006e+09
`
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want)); err != nil {
			t.Error(err)
		}
		store.Close()
	}
}
