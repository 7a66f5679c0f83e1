package cli

import (
	"strings"
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

// TestGhosts is about a voter that only the ledger has: it is listed, counts for
// no majority, and is found by what people call it.
func TestGhosts(t *testing.T) {
	t.Parallel()
	members := []web.RaftPeer{
		{ID: "w1-00000001", Node: "w1.example.net", State: "leader", Voter: true, Healthy: true},
		{ID: "w2-00000002", Node: "w2.example.net", State: "follower", Voter: true, Healthy: true},
	}
	configured := func(id remedy.NodeID) (cluster.Peer, bool) {
		return cluster.Peer{Name: "w3.example.net", Address: "10.0.0.3:9724"}, id == "w3-00000003"
	}
	got := ghostsOf([]remedy.NodeID{"w1-00000001", "w2-00000002", "w3-00000003", "w4-00000004"}, members, configured)
	if len(got) != 2 || got[0].Node != "w3.example.net" || got[0].Address == "" || got[1].Node != "w4" {
		t.Fatalf("%+v", got)
	}
	all := append(members, got...)
	for i, p := range got {
		if p.State != web.PeerLedgerOnly || p.Voter || p.Healthy || !strings.Contains(p.Why, "remove-peer "+string(p.ID)) {
			t.Errorf("%+v", p)
		}
		for _, word := range []string{string(p.ID), p.Node, []string{"w3", "w4"}[i]} {
			if x, err := pick(&web.RaftPeers{Peers: all}, word); err != nil || x.ID != p.ID {
				t.Errorf("%q is %s, %v", word, x.ID, err)
			}
		}
		if voters, healthy := votersWithout(all, p.ID); voters != 2 || healthy != 2 {
			t.Errorf("without %s: %d of %d", p.ID, healthy, voters)
		}
	}
	if n := ghostsOf([]remedy.NodeID{"w1-00000001"}, members, configured); len(n) != 0 {
		t.Errorf("%+v", n)
	}
}
