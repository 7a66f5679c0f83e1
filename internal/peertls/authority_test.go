package peertls_test

import (
	"strings"
	"testing"
	"time"

	"warden/internal/peertls"
)

// TestIssueRefuses is what no node should ever get a certificate from.
func TestIssueRefuses(t *testing.T) {
	t.Parallel()
	ca, other := authority(t, "ours"), authority(t, "other")
	leaf := issue(t, ca, "a", 0, year)
	for name, test := range map[string]struct {
		by   peertls.Pair
		now  time.Time
		want string
	}{
		"a node's":         {leaf, start, "is no authority"},
		"another's key":    {peertls.Pair{Cert: ca.Cert, Key: other.Key}, start, "is the key the authority's?"},
		"one that ended":   {ca, start.Add(11 * year), "make a new one"},
		"no key":           {peertls.Pair{Cert: ca.Cert, Key: []byte("hunter2")}, start, "is not one that warden made"},
		"half a key":       {peertls.Pair{Cert: ca.Cert, Key: ca.Key[:80]}, start, "is not one that warden made"},
		"no certificate":   {peertls.Pair{Key: ca.Key}, start, "holds no certificate"},
		"half certificate": {peertls.Pair{Cert: ca.Cert[:80], Key: ca.Key}, start, "cut off or damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := peertls.Issue(test.by, peertls.Request{Name: "a", Lasts: year}, test.now)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// TestAuthoritySignsNoAuthority keeps a stolen node's certificate from making
// further nodes.
func TestAuthoritySignsNoAuthority(t *testing.T) {
	t.Parallel()
	ca := authority(t, "ours")
	for _, p := range []peertls.Pair{ca, issue(t, ca, "a", 0, 20*year)} {
		info, err := peertls.Show(p.Cert)
		if err != nil {
			t.Fatal(err)
		}
		isCA := info[0].Subject == "ours"
		if info[0].Authority != isCA || info[0].SelfSigned != isCA || info[0].Issuer != "ours" {
			t.Errorf("%+v", info[0])
		}
		if info[0].NotAfter.After(start.Add(10 * year)) {
			t.Errorf("%s outlives its authority: %s", info[0].Subject, info[0].NotAfter)
		}
	}
}
