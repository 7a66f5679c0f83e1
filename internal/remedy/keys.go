package remedy

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// What stands for a host's row where it has none.
const (
	RowNone      int32 = -1 // no series is the host's
	RowAmbiguous int32 = -2 // several are, or several hosts have one name: never pick one
)

// Keys names the rows of frames. It is immutable but for what it remembers of
// its own answers, so that whose a series is gets worked out once, and not by
// every detector in every round. It is safe for concurrent use.
type Keys struct {
	names []string

	mu      sync.Mutex
	indexes map[string]*keyIndex  // by HostRule.id
	joined  map[joinKey]*HostRows // the newest roster of each pool
	fewer   []fewerKeys           // by Without, the newest last
}

type fewerKeys struct {
	gone []int32
	keys *Keys
}

// maxFewer is how many answers of Without are remembered.
const maxFewer = 4

type joinKey struct {
	rule string
	pool PoolName
}

// NewKeys makes the names of rows. The slice is the Keys' own from then on.
func NewKeys(names []string) *Keys { return &Keys{names: names} }

// Len is the number of rows.
func (k *Keys) Len() int { return len(k.names) }

// Name is the key of a row.
func (k *Keys) Name(row int32) string { return k.names[row] }

// Equal reports whether the rows have the same names in the same order.
func (k *Keys) Equal(other *Keys) bool { return k == other || slices.Equal(k.names, other.names) }

// With names further rows behind those there are.
func (k *Keys) With(names []string) *Keys {
	if len(names) == 0 {
		return k
	}
	return &Keys{names: slices.Concat(k.names, names)}
}

// Without leaves out rows, given in rising order; the rows behind them move up.
// Asked the same again it gives the same Keys.
func (k *Keys) Without(gone []int32) *Keys {
	if len(gone) == 0 {
		return k
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, f := range k.fewer {
		if slices.Equal(f.gone, gone) {
			return f.keys
		}
	}
	f := fewerKeys{gone: slices.Clone(gone), keys: &Keys{names: DropRows(k.names, gone)}}
	if len(k.fewer) == maxFewer {
		k.fewer = slices.Delete(k.fewer, 0, 1)
	}
	k.fewer = append(k.fewer, f)
	return f.keys
}

// DropRows is a copy of what belongs to rows but for those that are gone, given
// in rising order. Rows beyond the end have nothing there.
func DropRows[T any](of []T, gone []int32) []T {
	out := make([]T, 0, max(0, len(of)-len(gone)))
	from := 0
	for _, row := range gone {
		if int(row) >= len(of) {
			break
		}
		out = append(out, of[from:row]...)
		from = int(row) + 1
	}
	return append(out, of[from:]...)
}

// HostRule says how the key of a row becomes the name of a host, and makes
// different spellings of one host meet.
type HostRule struct {
	// Node takes one dot-separated node of a path such as
	// "sumSeries(canary.received.web-1.*)": 1 is the first, -1 the last, and 0
	// takes the key as it is. Functions around the path are looked through.
	Node int
	// Regex takes its first group from what Node left, and from the
	// inventory's name when it matches that. A key it does not match belongs to
	// no host. Nil compares the two as they are.
	Regex *regexp.Regexp
}

func (r HostRule) id() string {
	id := strconv.Itoa(r.Node) + " "
	if r.Regex != nil {
		id += r.Regex.String()
	}
	return id
}

// Key is the text by which a row's host is found; false when it belongs to none.
func (r HostRule) Key(name string) (string, bool) {
	if r.Node != 0 {
		var ok bool
		if name, ok = pathNode(name, r.Node); !ok {
			return "", false
		}
	}
	if name == "" {
		return "", false
	}
	if r.Regex == nil {
		return name, true
	}
	return r.firstGroup(name)
}

// hostKey is the same for a host as the inventory spells it: a name that the
// regex doesn't match stands for itself.
func (r HostRule) hostKey(h HostName) string {
	if r.Regex != nil {
		if key, ok := r.firstGroup(string(h)); ok {
			return key
		}
	}
	return string(h)
}

// firstGroup is what the regex's first group takes from s.
func (r HostRule) firstGroup(s string) (string, bool) {
	m := r.Regex.FindStringSubmatchIndex(s)
	if len(m) < 4 || m[2] < 0 || m[2] == m[3] {
		return "", false
	}
	return s[m[2]:m[3]], true
}

// firstPath is the first path in a Graphite target, the one that aliasByNode
// goes by: the functions around it, what follows it, and tags behind a
// semicolon are dropped. The commas of {a,b} are the path's own.
func firstPath(target string) string {
	start, braces := 0, 0
	for i := range len(target) {
		switch target[i] {
		case '{':
			braces++
		case '}':
			braces--
		case '(':
			start = i + 1
		case ',', ')', ';', ' ', '"', '\'':
			switch {
			case braces > 0:
			case start == i:
				start = i + 1
			case endsPath(target[i:]):
				return target[start:i]
			default:
				return ""
			}
		}
	}
	return target[start:]
}

// endsPath reports whether what follows a path is what Graphite writes there:
// the next argument, the end of the function, or tags. Else the path goes on in
// some way that no path does, and is nobody's.
func endsPath(rest string) bool {
	switch rest[0] {
	case ' ':
		rest = strings.TrimLeft(rest, " ")
		return rest != "" && (rest[0] == ',' || rest[0] == ')')
	case ';':
		tag, _, _ := strings.Cut(rest[1:], ";")
		name, _, found := strings.Cut(tag, "=")
		return found && name != "" && !strings.ContainsAny(name, "!^=")
	default:
		return true
	}
}

// unprintable are characters that no path has: a name with one was garbled.
func unprintable(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError }

// pathNode takes a node of a target's first path.
func pathNode(target string, node int) (string, bool) {
	path := firstPath(target)
	if strings.ContainsFunc(path, unprintable) {
		return "", false
	}
	nodes := strings.Split(path, ".")
	if node < 0 {
		node += len(nodes) + 1
	}
	if node < 1 || node > len(nodes) || nodes[node-1] == "" {
		return "", false
	}
	return nodes[node-1], true
}

// Roster is the hosts of a pool, in the order of the pool's views. It is
// immutable: as long as the inventory says the same, views share one.
type Roster struct{ names []HostName }

// NewRoster makes a roster of hosts, which must be sorted by name. The slice is
// the roster's own from then on.
func NewRoster(names []HostName) *Roster { return &Roster{names: names} }

// Len is the number of hosts.
func (r *Roster) Len() int { return len(r.names) }

// Name is the name of a host.
func (r *Roster) Name(i int) HostName { return r.names[i] }

// Equal reports whether the roster has exactly these hosts in this order.
func (r *Roster) Equal(names []HostName) bool { return slices.Equal(r.names, names) }

// HostRows says which rows are which host's.
type HostRows struct {
	// Rows has the row of each host, or RowNone, or RowAmbiguous.
	Rows []int32
	// Unmatched counts the rows that belong to no host of the pool.
	Unmatched int

	roster *Roster
	first  []int32
	next   []int32
}

// Each calls f with every row that claims to be the host's, also where they are
// ambiguous.
func (h *HostRows) Each(host int, f func(row int32)) {
	for row := h.first[host]; row >= 0; row = h.next[row] {
		f(row)
	}
}

// keyIndex finds rows by host key. Rows of one key are chained.
type keyIndex struct {
	first map[string]int32
	next  []int32
}

// Rows finds the rows of a pool's hosts. The result is shared and must not be
// changed.
func (k *Keys) Rows(pool PoolName, roster *Roster, rule HostRule) *HostRows {
	k.mu.Lock()
	defer k.mu.Unlock()
	at := joinKey{rule: rule.id(), pool: pool}
	if got := k.joined[at]; got != nil && got.roster == roster {
		return got
	}
	rows := k.index(rule).join(roster, rule)
	if k.joined == nil {
		k.joined = map[joinKey]*HostRows{}
	}
	k.joined[at] = rows
	return rows
}

// index is the index by a rule. The caller holds mu.
func (k *Keys) index(rule HostRule) *keyIndex {
	id := rule.id()
	if x := k.indexes[id]; x != nil {
		return x
	}
	x := &keyIndex{first: make(map[string]int32, len(k.names)), next: make([]int32, len(k.names))}
	for row := len(k.names) - 1; row >= 0; row-- { // backwards, so that chains rise
		x.next[row] = RowNone
		key, ok := rule.Key(k.names[row])
		if !ok {
			continue
		}
		if later, taken := x.first[key]; taken {
			x.next[row] = later
		}
		x.first[key] = int32(row)
	}
	if k.indexes == nil {
		k.indexes = map[string]*keyIndex{}
	}
	k.indexes[id] = x
	return x
}

func (x *keyIndex) join(roster *Roster, rule HostRule) *HostRows {
	n := roster.Len()
	out := &HostRows{Rows: make([]int32, n), Unmatched: len(x.next), roster: roster, first: make([]int32, n), next: x.next}
	taken := make(map[string]int, n)
	for i := range n {
		key := rule.hostKey(roster.Name(i))
		out.Rows[i], out.first[i] = RowNone, RowNone
		row, found := x.first[key]
		if other, twice := taken[key]; twice {
			out.Rows[i], out.Rows[other], out.first[other] = RowAmbiguous, RowAmbiguous, RowNone
			continue
		}
		taken[key] = i
		if !found {
			continue
		}
		out.Rows[i], out.first[i] = row, row
		for r := row; r >= 0; r = x.next[r] {
			out.Unmatched--
		}
		if x.next[row] >= 0 {
			out.Rows[i] = RowAmbiguous
		}
	}
	return out
}
