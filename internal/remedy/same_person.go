package remedy

import (
	"slices"
	"strings"
)

// Alias says that several unix users and an e-mail address are one person, so that
// nobody counts twice where two people have to agree.
type Alias struct {
	Person string   `json:"person"`
	Unix   []string `json:"unix"`
	// Email is in lower case; empty where the config doesn't say.
	Email string `json:"email,omitempty"`
	// Joins is true of one that a file says since a question was asked: it says who is
	// one person, and tells nobody apart who couldn't be told apart before.
	Joins bool `json:"joins,omitempty"`
}

// covers reports whether the alias is of the actor.
func (one Alias) covers(a Actor) bool {
	return slices.Contains(one.Unix, a.Name) || one.Email != "" && slices.Contains(a.Keys, one.Email)
}

// OnePerson reports whether two actors are one person for sure: configs say so, they
// have one name, or a surface vouches for one id or address of both, however their names
// have changed. Aliases that share a unix user or an address are of one person: what two
// files know of somebody together counts, and their order doesn't.
func OnePerson(a, b Actor, aliases []Alias) bool {
	if oneName(a, b) {
		return true
	}
	who := known(aliases, a, b)
	return who[0].one(who[1])
}

// oneName reports whether two actors have one name, or one id or address for which a
// surface vouches.
func oneName(a, b Actor) bool {
	return a.Name == b.Name || slices.ContainsFunc(a.Keys, func(key string) bool {
		return !strings.HasPrefix(key, "slack:@") && slices.Contains(b.Keys, key)
	})
}

// knownActor is an actor as aliases know them.
type knownActor struct {
	Actor
	// chains are those that the actor's aliases are in: see chainsOf.
	chains []int
	// alias is what tells them from others; nil for none.
	alias *Alias
}

// known is what aliases know of some actors.
func known(aliases []Alias, who ...Actor) []knownActor {
	chains, out := chainsOf(aliases), make([]knownActor, len(who))
	for i, a := range who {
		out[i].Actor = a
		for n := range aliases {
			if !aliases[n].covers(a) {
				continue
			}
			out[i].chains = append(out[i].chains, chains[n])
			if out[i].alias == nil && !aliases[n].Joins {
				out[i].alias = &aliases[n]
			}
		}
	}
	return out
}

// chainsOf numbers aliases so that those have one number that share a unix user or an
// address, or each shares one with a third, and so on.
func chainsOf(aliases []Alias) []int {
	of, users, addresses := make([]int, len(aliases)), map[string]int{}, map[string]int{}
	find := func(i int) int {
		for of[i] != i {
			i = of[i]
		}
		return i
	}
	join := func(have map[string]int, name string, i int) {
		if j, had := have[name]; had {
			a, b := find(i), find(j)
			of[max(a, b)] = min(a, b)
			return
		}
		have[name] = i
	}
	for i, one := range aliases {
		of[i] = i
		for _, name := range one.Unix {
			join(users, name, i)
		}
		if one.Email != "" {
			join(addresses, one.Email, i)
		}
	}
	for i := range of {
		of[i] = find(i)
	}
	return of
}

// one is OnePerson.
func (a knownActor) one(b knownActor) bool {
	return oneName(a.Actor, b.Actor) || slices.ContainsFunc(a.chains, func(n int) bool { return slices.Contains(b.chains, n) })
}

// same is SamePerson.
func (a knownActor) same(b knownActor) bool {
	switch {
	case a.one(b):
		return true
	case a.alias != nil && b.alias != nil, (len(a.Keys) == 0) == (len(b.Keys) == 0):
		return false
	case len(a.Keys) == 0:
		return a.alias == nil || a.alias.Email == "" || !addressed(b.Actor)
	}
	return b.alias == nil || b.alias.Email == "" || !addressed(a.Actor)
}

// Kin are the names and addresses of some people, as aliases know them.
type Kin struct{ names, keys map[string]bool }

// KinOf is what lists of aliases know of some actors: those that share a unix user or an
// address with them, or with an alias that does, and so on.
func KinOf(who []Actor, lists ...[]Alias) Kin {
	k := Kin{names: map[string]bool{}, keys: map[string]bool{}}
	for _, a := range who {
		k.names[a.Name] = true
		for _, key := range a.Keys {
			k.keys[key] = true
		}
	}
	for n := 0; n != len(k.names)+len(k.keys); {
		n = len(k.names) + len(k.keys)
		for _, aliases := range lists {
			for _, one := range aliases {
				if k.Has(one) {
					k.add(one)
				}
			}
		}
	}
	return k
}

// Has reports whether an alias is of one of them.
func (k Kin) Has(one Alias) bool {
	return one.Email != "" && k.keys[one.Email] || slices.ContainsFunc(one.Unix, func(name string) bool { return k.names[name] })
}

func (k Kin) add(one Alias) {
	for _, name := range one.Unix {
		k.names[name] = true
	}
	if one.Email != "" {
		k.keys[one.Email] = true
	}
}

// SamePerson reports whether two actors are one person, or may be: what can't be
// told apart doesn't count as two. Besides OnePerson, a unix user and somebody whom
// only a chat knows may be anybody's two names, unless the config has the unix
// user's address and the chat vouches for another. It is not transitive: a unix user
// may be either of two whom a chat tells apart. See Different for how many they are.
func SamePerson(a, b Actor, aliases []Alias) bool {
	who := known(aliases, a, b)
	return who[0].same(who[1])
}

// addressed reports whether a surface vouches for an e-mail address of the actor.
func addressed(a Actor) bool {
	return slices.ContainsFunc(a.Keys, func(key string) bool { return strings.Contains(key, "@") && !strings.HasPrefix(key, "slack:") })
}

// Different picks as many actors as there are for sure different people among them,
// by their indexes in order: no two of those picked are, or may be, one person. How
// many it picks doesn't depend on the order of the actors. Of two picks of one size
// it is the one that comes first. It looks no further than for most of them.
//
// It is the largest set of those who are all told apart. The fewest people that there
// can be are never fewer; that they can be told apart by pairs is what SamePerson is for.
// One who is certainly the same as either of two others makes all three one.
func Different(actors []Actor, aliases []Alias, most int) []int {
	who := known(aliases, actors...)
	groups := onePeople(who)
	apart := func(g, h []int) bool {
		return !slices.ContainsFunc(g, func(i int) bool {
			return slices.ContainsFunc(h, func(j int) bool { return who[i].same(who[j]) })
		})
	}
	var best, picked []int
	var pick func(from int)
	pick = func(from int) {
		if len(picked) > len(best) {
			best = slices.Clone(picked)
		}
		for i := from; i < len(groups) && len(best) < most && len(picked)+len(groups)-i > len(best); i++ {
			if !slices.ContainsFunc(picked, func(j int) bool { return !apart(groups[j], groups[i]) }) {
				picked = append(picked, i)
				pick(i + 1)
				picked = picked[:len(picked)-1]
			}
		}
	}
	pick(0)
	for i, g := range best {
		best[i] = groups[g][0]
	}
	return best
}

// onePeople groups actors, by their indexes in order, of whom each is one person with
// another of the group.
func onePeople(who []knownActor) [][]int {
	var groups [][]int
	for i, a := range who {
		mine := []int{i}
		groups = slices.DeleteFunc(groups, func(g []int) bool {
			one := slices.ContainsFunc(g, func(j int) bool { return who[j].one(a) })
			if one {
				mine = append(mine, g...)
			}
			return one
		})
		slices.Sort(mine)
		groups = append(groups, mine)
	}
	slices.SortFunc(groups, func(a, b []int) int { return a[0] - b[0] })
	return groups
}

// PeopleAmong counts the different people among approvers, each as far as want: at
// least those whom nothing but their coming is needed of, and at most those who may be.
// Who is in a group is known when they come, and whether a chat vouches for an address
// by which somebody is told from a unix user, too.
func PeopleAmong(who []Approver, aliases []Alias, want int) (least, most int) {
	var sure, maybe []Actor
	all := slices.Clone(aliases)
	for _, w := range who {
		if w.Group() {
			most = want
			continue
		}
		if w.Person != "" { // also where no alias is needed for it
			all = append(all, Alias{Person: w.Person, Unix: matchesOf(who, w.Person), Joins: true})
		}
		a, _ := w.Actor()
		sure = append(sure, a)
		maybe = append(maybe, w.Apart())
	}
	least = len(Different(sure, all, want))
	return least, max(most, least, len(Different(maybe, all, want)))
}

func matchesOf(who []Approver, person string) (names []string) {
	for _, w := range who {
		if w.Person == person {
			names = append(names, w.Match)
		}
	}
	return names
}

// Apart is the approver as who would come, told from others as well as can be: with
// an address that nobody else has where a chat may vouch for one. A group is nobody.
func (a Approver) Apart() Actor {
	who, _ := a.Actor()
	if strings.HasPrefix(a.Match, "slack:") && !a.Group() {
		who.Keys = append(who.Keys, strings.TrimPrefix(a.Match, "slack:")+"@")
	}
	return who
}
