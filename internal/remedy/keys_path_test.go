package remedy

import "testing"

// TestPathNode holds the host's place in a Graphite name to names that Graphite
// writes: whatever else stands there is nobody's, not nearly somebody's.
func TestPathNode(t *testing.T) {
	for target, want := range map[string]string{
		"canary.h1.received":                         "h1",
		"canary.h1.received;dc=a;rack=b":             "h1",
		"alias(canary.h1.received,'a b')":            "h1",
		"sumSeries(canary.h1.received, canary.h2.x)": "h1",
		"scale( canary.h1.received , 2)":             "h1",
		"canary.{h1,h2}.received":                    "{h1,h2}",
		"canary.h1 .received":                        "",
		"canary.h1;$(reboot).received":               "",
		"canary.h1;=x":                               "",
		"canary.h1\n.received":                       "",
		"canary.h1\x00.received":                     "",
		"canary.h1\x1b[31m.received":                 "",
		"\ufffdcanary.h1.received":                   "",
		"canary..received":                           "",
		"canary":                                     "",
		"":                                           "",
	} {
		got, ok := pathNode(target, 2)
		if got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v; want %q", target, got, ok, want)
		}
	}
}
