package ledger

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"warden/internal/remedy"
)

// ClickKind says why a click did nothing. It is a short word of lower case
// letters and underscores; a newer build may know more of them.
type ClickKind string

// The kinds of clicks that did nothing.
const (
	ClickForged   ClickKind = "forged"    // its value is none that warden made
	ClickForeign  ClickKind = "foreign"   // its value is another cluster's
	ClickNobody   ClickKind = "nobody"    // a bot, a guest, or of another workspace
	ClickUnsure   ClickKind = "unsure"    // who it was could not be looked up
	ClickOutdated ClickKind = "outdated"  // its question was asked again since
	ClickNotYours ClickKind = "not_yours" // somebody else may
	ClickRefused  ClickKind = "refused"   // what it asked for was refused, such as too late
	ClickLost     ClickKind = "lost"      // nobody could commit it, or it is not known whether it was
)

// The bounds of what is said of clicks that did nothing: anybody in the workspace,
// and some who are not, can make as many of them as they like, and the log must
// not grow by that. In any ClicksWithin there are at most MaxClicksTold of them
// told one by one, each kind of each user once, and one count a voter of all
// others.
const (
	ClicksWithin    = time.Hour
	MaxClicksTold   = 20
	MaxClicksListed = 50
	maxClickUser    = 32
	maxClickName    = 100
	maxClickWord    = 20
)

// ClicksRefused says that a click, or a word, did nothing and why, or counts those
// that were not told one by one. It changes nothing but what may be told of further ones,
// and is there for the audit.
type ClicksRefused struct {
	Surface Surface `json:"surface"`
	// Kind is why one click did nothing; empty for a count.
	Kind ClickKind `json:"kind,omitempty"`
	// User is what the surface calls who clicked, letters and digits alone; Name who
	// they are to warden, as far as that was found out. Either may be empty.
	User string `json:"user,omitempty"`
	Name string `json:"name,omitempty"`
	// Verb and Case are what was clicked, where its value was warden's own. What was
	// said, and not clicked, has its first word in Word, and no verb.
	Verb string        `json:"verb,omitempty"`
	Word string        `json:"word,omitempty"`
	Case remedy.CaseID `json:"case,omitempty"`
	// Since is when the first click of a count came, and Rest has the count by kind
	// and user, in this order, each once; without a user are all others.
	Since time.Time    `json:"since,omitzero"`
	Rest  []ClickCount `json:"rest,omitempty"`
}

// ClickCount is how many clicks of a kind did nothing.
type ClickCount struct {
	Kind ClickKind `json:"kind"`
	User string    `json:"user,omitempty"`
	N    int       `json:"n"`
}

// KindClicksRefused is the kind of a ClicksRefused.
const KindClicksRefused = "click.refused"

func (*ClicksRefused) kind() string { return KindClicksRefused }
func (*ClicksRefused) since() int   { return 3 }

func (b *ClicksRefused) apply(m *machine, x step) Result {
	if r := m.admitClicks(b, x); !r.OK {
		return r
	}
	told := clickTold{Kind: b.Kind, User: b.User, At: x.at}
	if b.Kind == "" {
		told.Node = x.node
	}
	next := m.clicksSince(x.at)
	i, _ := slices.BinarySearchFunc(next, told, byClick)
	m.clicks = slices.Insert(next, i, told)
	return done(0)
}

// admitClicks holds what is said of clicks to its bounds. It changes nothing.
func (m *machine) admitClicks(b *ClicksRefused, x step) Result {
	_, voter := slices.BinarySearch(m.voters, x.node)
	switch {
	case x.by.Person:
		return refuse(RefusedPerson, "what was clicked is not for people to say")
	case !voter:
		return refuse(RefusedBad, "%q is not a voter, and takes no clicks", x.node)
	case !b.sound():
		return refuse(RefusedBad, "it is neither one click nor a count, or too much is said of it")
	}
	recent := m.clicksSince(x.at)
	if b.Kind == "" {
		if slices.ContainsFunc(recent, func(t clickTold) bool { return t.Node == x.node }) {
			return refuse(RefusedPace, "%s has counted clicks within the last %s", x.node, ClicksWithin)
		}
		return done(0)
	}
	n := 0
	for _, t := range recent {
		if t.Kind == b.Kind && t.User == b.User {
			return refuse(RefusedPace, "such a click of %q was told within the last %s", b.User, ClicksWithin)
		}
		if t.Kind != "" {
			n++
		}
	}
	if n >= MaxClicksTold {
		return refuse(RefusedPace, "%d clicks were told within the last %s", n, ClicksWithin)
	}
	return done(0)
}

// sound reports whether it is one click or one count, in words that can stand in
// a line.
func (b *ClicksRefused) sound() bool {
	if !isWord(string(b.Surface)) || b.Kind == "" == (len(b.Rest) == 0) || !isUser(b.User) {
		return false
	}
	if b.Kind != "" {
		name := b.Name == "" || len(b.Name) <= maxClickName && !strings.ContainsFunc(b.Name, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) })
		return isWord(string(b.Kind)) && name && (b.Verb == "" || isWord(b.Verb)) &&
			(b.Word == "" || isWord(b.Word) && b.Verb == "") && b.Since.IsZero()
	}
	for _, c := range b.Rest {
		if !isWord(string(c.Kind)) || !isUser(c.User) || c.N < 1 {
			return false
		}
	}
	return len(b.Rest) <= MaxClicksListed && b.User+b.Name+b.Verb+b.Word == "" && b.Case == 0 &&
		rising(b.Rest, func(x, y ClickCount) int { return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.User, y.User)) })
}

// isWord reports whether text is a word such as a kind's.
func isWord(s string) bool {
	return s != "" && len(s) <= maxClickWord && !strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' })
}

// isUser reports whether text is what a surface calls somebody, or nothing.
func isUser(s string) bool {
	return len(s) <= maxClickUser && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
}

// clickTold is what was said of clicks: of one, by kind and user, or the count of
// a node.
type clickTold struct {
	At   time.Time     `json:"at"`
	Kind ClickKind     `json:"kind,omitempty"`
	User string        `json:"user,omitempty"`
	Node remedy.NodeID `json:"node,omitempty"`
}

func byClick(a, b clickTold) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.User, b.User), cmp.Compare(a.Node, b.Node))
}

// clicksSince is what was said within ClicksWithin of an instant. It is a copy.
func (m *machine) clicksSince(at time.Time) []clickTold {
	var out []clickTold
	for _, t := range m.clicks {
		if at.Sub(t.At) < ClicksWithin {
			out = append(out, t)
		}
	}
	return out
}

// checkClicks holds a restored machine to what is said of clicks. One node's
// counts are an hour apart, as are those of one kind and user; so there are not
// more of them than the bounds let through.
func (m *machine) checkClicks() error {
	n := 0
	for _, t := range m.clicks {
		if t.Kind == "" == (t.Node == "") || t.At.After(m.time) {
			return errors.New("what it has told of clicks makes no sense")
		}
		if t.Kind != "" {
			n++
		}
	}
	if n > MaxClicksTold || !rising(m.clicks, byClick) {
		return errors.New("it has told more of clicks than there is room for, or out of order")
	}
	return nil
}

// AdmitsClicks reports what the ledger would answer, at an instant, to what a
// node says of clicks. Whoever proposes asks this first: also what is refused is
// in the log.
func (l *Ledger) AdmitsClicks(at time.Time, node remedy.NodeID, b *ClicksRefused) Result {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.m.admitClicks(b, step{at: later(l.m.time, stamp(at)), by: remedy.Warden(), node: node})
}

// Foretell is what the ledger would answer, at an instant, to one operation of an
// actor. It changes nothing.
func (l *Ledger) Foretell(at time.Time, by remedy.Actor, b Body) Result {
	l.mu.RLock()
	m := l.m.clone()
	l.mu.RUnlock()
	x := step{index: m.index + 1, term: m.term, at: later(m.time, stamp(at)), by: by, alone: true}
	m.time, m.needs = x.at, max(m.needs, since(b))
	return b.apply(&m, x)
}
