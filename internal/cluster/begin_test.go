package cluster

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/remedy"
)

func TestBegin(t *testing.T) {
	now := time.Now()
	names := []string{"a", "b", "c"}
	empty := func(id remedy.NodeID) sighting {
		return sighting{at: now, answer: probeAnswer{ID: id, Peers: names}}
	}
	member := empty("b-00000002")
	member.answer.Founded, member.answer.ClusterID = true, "c1"
	old := empty("b-00000002")
	old.answer.Founded = true
	joining := empty("b-00000002")
	joining.answer.ClusterID = "c1"
	alone := empty("b-00000002")
	alone.answer.Peers = []string{"b", "c"}
	silent := sighting{at: now, answer: probeAnswer{ID: "b-00000002", Peers: names}, err: errors.New("connection refused")}

	for _, c := range []struct {
		name    string
		self    string
		b, c    sighting
		invited []remedy.NodeID
		wait    string
	}{
		{name: "all empty, and the lowest", self: "a", b: empty("b-00000002"), c: empty("c-00000003"), invited: []remedy.NodeID{"b-00000002", "c-00000003"}},
		{name: "all empty, and not the lowest", self: "b", b: empty("a-00000001"), c: empty("c-00000003"), wait: "a founds the cluster"},
		{name: "one never answered", self: "a", b: sighting{}, c: empty("c-00000003"), wait: "no answer from b"},
		{name: "one answered once and is silent now", self: "a", b: silent, c: empty("c-00000003"), wait: "no answer from b"},
		{name: "one has a log", self: "a", b: member, c: empty("c-00000003"), wait: "b belongs to cluster c1"},
		{name: "one has a log, another is silent", self: "a", b: member, c: sighting{err: errors.New("x")}, wait: "raft join a"},
		{name: "one has a log that names no cluster", self: "a", b: old, c: empty("c-00000003"), wait: "not named yet"},
		{name: "one is being added elsewhere", self: "a", b: joining, c: empty("c-00000003"), wait: "b belongs to cluster c1"},
		{name: "one has another list", self: "a", b: alone, c: empty("c-00000003"), wait: "another list on b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			peers := []Peer{{"c", "h:3"}, {"a", "h:1"}, {"b", "h:2"}}
			r, err := newRoster(peers, c.self)
			if err != nil {
				t.Fatal(err)
			}
			other := "b"
			if c.self == "b" {
				other = "a"
			}
			got := begin(r, map[string]sighting{other: c.b, "c": c.c})
			if got.found != (c.wait == "") || !strings.Contains(got.wait, c.wait) || !slices.Equal(got.invited, c.invited) {
				t.Errorf("%+v", got)
			}
		})
	}
	// A node that is alone in its list has nobody to ask.
	r, err := newRoster([]Peer{{"a", "h:1"}}, "a")
	if err != nil {
		t.Fatal(err)
	}
	if got := begin(r, nil); !got.found {
		t.Errorf("%+v", got)
	}
}

func TestRoster(t *testing.T) {
	long := []Peer{{"w1.example.net", "h:1"}, {"w2.example.net", "h:2"}, {"10.0.0.3", "10.0.0.3:3"}}
	for _, c := range []struct {
		peers      []Peer
		node, want string
	}{
		{long, "w1.example.net", "w1.example.net"},
		{long, "w2", "w2.example.net"},
		{long, "w2.other.net", "w2.example.net"},
		{long, "w3", ""},
		{long, "10", ""}, // no label of an address is a name
		{long, "10.0.0.3", "10.0.0.3"},
		{[]Peer{{"w1.a", "h:1"}, {"w1.b", "h:2"}}, "w1", ""},
		{[]Peer{{"w1.a", "h:1"}, {"w1.b", "h:2"}}, "w1.b", "w1.b"},
		{[]Peer{{"w1", "h:1"}, {"w1.b", "h:2"}}, "w1", "w1"},
		{[]Peer{{"w1", "h:1"}, {"w1", "h:2"}}, "w1", ""},
		{[]Peer{{"w1", "h"}}, "w1", ""},
	} {
		self, err := Self(c.peers, c.node)
		if self.Name != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s among %v: %v, %v", c.node, c.peers, self, err)
		}
	}
	r, err := newRoster(long, "w1")
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[remedy.NodeID]string{
		"w2-0000beef": "w2.example.net", "w2.example.net-0000beef": "w2.example.net", "10.0.0.3-00000001": "10.0.0.3",
		"w2-beef": "", "w2": "", "-0000beef": "", "w4-0000beef": "", "": "",
	} {
		if p, ok := r.of(id); p.Name != want || ok != (want != "") {
			t.Errorf("%s is %v, want %q", id, p, want)
		}
	}
	if p, id, ok := r.target("w2-0000beef"); !ok || p.Name != "w2.example.net" || id != "w2-0000beef" {
		t.Errorf("target of an id: %v, %q, %v", p, id, ok)
	}
	if p, id, ok := r.target("w2"); !ok || p.Name != "w2.example.net" || id != "" {
		t.Errorf("target of a name: %v, %q, %v", p, id, ok)
	}
}
