package cli

import (
	"testing"

	"warden/internal/cluster"
	"warden/internal/remedy"
	"warden/internal/web"
)

// TestPick is about what people call a member whose configured name has dots.
func TestPick(t *testing.T) {
	t.Parallel()
	all := &web.RaftPeers{Peers: []web.RaftPeer{
		{ID: "w1-00000001", Node: "w1.example.net"}, {ID: "w2-00000002", Node: "w2.example.net"},
		{ID: "w3-00000003", Node: "w3.example.net"}, {ID: "w3-00000004", Node: "w3.example.net"},
		webPeer(cluster.Member{ID: "alone-00000005"}),
	}}
	if name := all.Peers[4].Node; name != "alone" {
		t.Errorf("a lone voter is called %s", name)
	}
	for word, want := range map[string]remedy.NodeID{
		"w1": "w1-00000001", "w1.example.net": "w1-00000001", "W2.Example.net": "w2-00000002", "w2-00000002": "w2-00000002", "w3-00000004": "w3-00000004",
		"w3": "", "w3.example.net": "", "w": "", "w4": "", "w1-0000": "", "alone": "alone-00000005",
	} {
		got, err := pick(all, word)
		if got.ID != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v; want %q", word, got.ID, err, want)
		}
	}
}
