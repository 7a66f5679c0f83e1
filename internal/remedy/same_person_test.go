package remedy_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"warden/internal/remedy"
)

// drawAliases draws who is one person, of three unix users and three addresses.
func drawAliases(t *rapid.T, label string, joins bool) (all []remedy.Alias) {
	for i := range rapid.IntRange(0, 2).Draw(t, label) {
		one := remedy.Alias{
			Person: fmt.Sprintf("p%d", i), Joins: joins,
			Unix: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"u0", "u1", "u2"}), 1, 2, rapid.ID).Draw(t, label+" unix"),
		}
		if rapid.Bool().Draw(t, label+" has an address") {
			one.Email = rapid.SampledFrom([]string{"a0@x", "a1@x", "a2@x"}).Draw(t, label+" address")
		}
		all = append(all, one)
	}
	return all
}

// drawActor draws a unix user, or somebody in a chat, who may have an address.
func drawActor(t *rapid.T) remedy.Actor {
	if rapid.Bool().Draw(t, "unix") {
		return remedy.Actor{Name: rapid.SampledFrom([]string{"u0", "u1", "u2"}).Draw(t, "user"), Person: true}
	}
	key := rapid.SampledFrom([]string{"slack:S0", "slack:S1", "slack:S2"}).Draw(t, "id")
	a := remedy.Actor{Name: key, Keys: []string{key, "slack:@ops"}, Person: true}
	if mail := rapid.SampledFrom([]string{"", "a0@x", "a1@x", "a2@x"}).Draw(t, "address"); mail != "" {
		a.Name, a.Keys = mail, append(a.Keys, mail)
	}
	return a
}

// TestDifferentDoesNotDependOnOrder: however people come, as many count; nobody is
// counted who may be another that is; and what a file says later about who is one
// person never makes them more.
func TestDifferentDoesNotDependOnOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		aliases := drawAliases(t, "aliases", false)
		who := rapid.SliceOfN(rapid.Custom(drawActor), 0, 6).Draw(t, "who")
		picked := remedy.Different(who, aliases, len(who))
		for n, i := range picked {
			for _, j := range picked[:n] {
				if j >= i || remedy.SamePerson(who[i], who[j], aliases) {
					t.Fatalf("%v picks %v: %d and %d", who, picked, j, i)
				}
			}
		}
		if len(who) > 0 && len(picked) == 0 {
			t.Fatalf("%v is nobody", who)
		}
		chain := append(slices.Clip(aliases), drawAliases(t, "joined", true)...)
		other := rapid.Permutation(who).Draw(t, "in another order")
		if n := len(remedy.Different(other, aliases, len(who))); n != len(picked) {
			t.Fatalf("%v are %d, and %d as %v", who, len(picked), n, other)
		}
		n := len(remedy.Different(who, chain, len(who)))
		if n > len(picked) {
			t.Fatalf("%v are %d, and %d with %+v", who, len(picked), n, chain)
		}
		if m := len(remedy.Different(other, chain, len(who))); m != n {
			t.Fatalf("%v are %d, and %d as %v, with %+v", who, n, m, other, chain)
		}
		if n := len(remedy.Different(who, aliases, 1)); n > 1 {
			t.Fatalf("it looked for 1 and found %d", n)
		}
	})
}

// TestOnePersonIsTransitive: what files say of who is one person counts together, in
// whatever order it comes: unix users and addresses are one person where a chain of
// aliases leads from one to the other, and only there.
func TestOnePersonIsTransitive(t *testing.T) {
	t.Parallel()
	names := []string{"u0", "u1", "u2", "u3", "u4", "a0@x", "a1@x", "a2@x"}
	rapid.Check(t, func(t *rapid.T) {
		var aliases []remedy.Alias
		root := map[string]string{} // of the chain that a name is in
		for _, name := range names {
			root[name] = name
		}
		for range rapid.IntRange(0, 6).Draw(t, "aliases") {
			one := remedy.Alias{
				Unix:  rapid.SliceOfNDistinct(rapid.SampledFrom(names[:5]), 1, 3, rapid.ID).Draw(t, "unix"),
				Email: rapid.SampledFrom(append([]string{""}, names[5:]...)).Draw(t, "address"), Joins: rapid.Bool().Draw(t, "joins"),
			}
			aliases = append(aliases, one)
			for _, name := range append(one.Unix, one.Email) {
				if name == "" {
					continue
				}
				from, to := root[name], root[one.Unix[0]]
				for _, other := range names {
					if root[other] == from {
						root[other] = to
					}
				}
			}
		}
		shuffled := rapid.Permutation(aliases).Draw(t, "in another order")
		actor := func(name string) remedy.Actor {
			if name[0] == 'a' {
				return remedy.Actor{Name: "slack:" + name, Keys: []string{"slack:" + name, name, "slack:@ops"}, Person: true}
			}
			return remedy.Actor{Name: name, Person: true}
		}
		for _, a := range names {
			for _, b := range names {
				one := remedy.OnePerson(actor(a), actor(b), aliases)
				if one != (root[a] == root[b]) {
					t.Fatalf("%s and %s are one: %t, by %+v", a, b, one, aliases)
				}
				if remedy.OnePerson(actor(b), actor(a), shuffled) != one {
					t.Fatalf("%s and %s are one: %t, and not in the order %+v", a, b, one, shuffled)
				}
			}
		}
	})
}

// TestDifferent holds the count of those who can't be told apart by pairs alone.
func TestDifferent(t *testing.T) {
	t.Parallel()
	unix := func(name string) remedy.Actor { return remedy.Actor{Name: name, Person: true} }
	chat := func(id string, mail ...string) remedy.Actor {
		return remedy.Actor{Name: "slack:" + id, Keys: append([]string{"slack:" + id}, mail...), Person: true}
	}
	for _, tt := range []struct {
		name    string
		who     []remedy.Actor
		aliases []remedy.Alias
		want    []int
	}{
		{"nobody", nil, nil, nil},
		{"a unix user who may be either of two", []remedy.Actor{unix("fran"), chat("U1"), chat("U2")}, nil, []int{1, 2}},
		{"and the other way", []remedy.Actor{chat("U1"), unix("fran"), chat("U2")}, nil, []int{0, 2}},
		{"two unix users and one who may be either", []remedy.Actor{unix("fran"), chat("U1"), unix("kim")}, nil, []int{0, 2}},
		{
			"one id of two addresses, and one address of two ids",
			[]remedy.Actor{chat("U1", "a@x"), chat("U2", "b@x"), chat("U1", "b@x")}, nil, []int{0},
		},
		{"of two names of one, whoever is told from the third", []remedy.Actor{unix("fran"), chat("U1"), unix("fran")}, nil, []int{0}},
		{
			"joined since",
			[]remedy.Actor{unix("fran"), unix("root")},
			[]remedy.Alias{{Person: "fran", Unix: []string{"fran"}}, {Person: "kim", Unix: []string{"root"}}, {Person: "x", Unix: []string{"fran", "root"}, Joins: true}},
			[]int{0},
		},
		{
			"joined by a name and an address that none of them has",
			[]remedy.Actor{unix("fran"), unix("froot"), chat("U1", "f@x")},
			[]remedy.Alias{
				{Person: "fran", Unix: []string{"fran", "fran-adm"}}, {Person: "f", Unix: []string{"froot"}, Email: "fran@x", Joins: true},
				{Person: "fran", Unix: []string{"fran-adm"}, Email: "fran@x", Joins: true}, {Person: "root", Unix: []string{"froot"}, Email: "f@x", Joins: true},
			},
			[]int{0},
		},
		{
			"what joins tells nobody apart",
			[]remedy.Actor{unix("fran"), chat("U1", "kim@x")},
			[]remedy.Alias{{Person: "fran", Unix: []string{"fran"}, Email: "fran@x", Joins: true}},
			[]int{0},
		},
		{
			"and what was there does",
			[]remedy.Actor{unix("fran"), chat("U1", "kim@x")},
			[]remedy.Alias{{Person: "fran", Unix: []string{"fran"}, Email: "fran@x"}},
			[]int{0, 1},
		},
	} {
		if got := remedy.Different(tt.who, tt.aliases, len(tt.who)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: it picks %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestPeopleAmong holds what is known of approvers before they come.
func TestPeopleAmong(t *testing.T) {
	t.Parallel()
	fran := remedy.Alias{Person: "fran", Unix: []string{"fran", "fran-adm"}, Email: "fran@x"}
	for _, tt := range []struct {
		who         []remedy.Approver
		aliases     []remedy.Alias
		least, most int
	}{
		{nil, nil, 0, 0},
		{[]remedy.Approver{{Match: "fran"}, {Match: "kim"}, {Match: "sam"}}, nil, 2, 2},
		{[]remedy.Approver{{Match: "fran"}, {Match: "fran-adm"}}, []remedy.Alias{fran}, 1, 1},
		{[]remedy.Approver{{Match: "fran", Person: "fran"}, {Match: "fran@x", Person: "fran"}}, nil, 1, 1},
		{[]remedy.Approver{{Match: "@ops"}}, nil, 0, 2},
		{[]remedy.Approver{{Match: "slack:@ops"}, {Match: "fran"}}, nil, 1, 2},
		{[]remedy.Approver{{Match: "fran"}, {Match: "slack:U1"}}, nil, 1, 1},
		{[]remedy.Approver{{Match: "fran"}, {Match: "slack:U1"}}, []remedy.Alias{fran}, 1, 2},
		{[]remedy.Approver{{Match: "slack:U1"}, {Match: "slack:U2"}}, nil, 2, 2},
		{[]remedy.Approver{{Match: "fran"}, {Match: "kim@x"}}, []remedy.Alias{fran}, 2, 2},
		{[]remedy.Approver{{Match: "root"}, {Match: "kim@x"}}, nil, 1, 1},
		{[]remedy.Approver{{Match: "fran"}, {Match: "froot"}}, []remedy.Alias{fran, {Person: "f", Unix: []string{"fran-adm", "froot"}, Joins: true}}, 1, 1},
	} {
		if least, most := remedy.PeopleAmong(tt.who, tt.aliases, 2); least != tt.least || most != tt.most {
			t.Errorf("%+v: %d to %d, want %d to %d", tt.who, least, most, tt.least, tt.most)
		}
	}
}
