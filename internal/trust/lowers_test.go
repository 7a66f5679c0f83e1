package trust_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"warden/internal/trust"
)

// bad orders labels by what they do to the numbers.
func bad(l trust.Label) int {
	return map[trust.Label]int{trust.Right: 0, trust.Wrong: 2}[l] + middle(l)
}

func middle(l trust.Label) int {
	if l == trust.Unlabelled || l == trust.Unclear {
		return 1
	}
	return 0
}

// TestOnlyApproversEase: no word of one who may not approve makes a case look
// better than without it, whenever it comes: before what it would hide, or after.
// One's own word can be taken back: what counts then is what others say.
func TestOnlyApproversEase(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := trust.Sample{Said: statements(8).Draw(t, "said")}
		w := said(rapid.SampledFrom(labels[1:]).Draw(t, "word"), rapid.SampledFrom(sources).Draw(t, "source"),
			rapid.SampledFrom([]string{"kim", "a third"}).Draw(t, "by"), rapid.IntRange(0, 9).Draw(t, "minute"))
		w.Lowers = true
		with := trust.Sample{Said: slices.Insert(slices.Clone(s.Said), rapid.IntRange(0, len(s.Said)).Draw(t, "place"), w)}
		others := trust.Sample{Said: slices.DeleteFunc(slices.Clone(s.Said), func(o trust.Statement) bool { return o.Source == w.Source && o.By == w.By })}
		if got := bad(with.Label()); got < min(bad(s.Label()), bad(others.Label())) {
			t.Fatalf("%v with %+v, %v without it, %v by others", with.Label(), w, s.Label(), others.Label())
		}
		if w.By == "a third" && with.Label() < s.Label() {
			t.Fatalf("%v with %+v, %v without it", with.Label(), w, s.Label())
		}
		if r := with.Resolve(); r.Label != with.Label() || (r.Label != trust.Unlabelled) != (len(r.Counts) > 0) || r.Label != trust.Unlabelled && r.Source == "" {
			t.Fatalf("%+v of %+v", r, with.Said)
		}
	})
}

// TestLowers is who overrules whom.
func TestLowers(t *testing.T) {
	t.Parallel()
	low := func(l trust.Label, s trust.Source, by string, minute int) trust.Statement {
		st := said(l, s, by, minute)
		st.Lowers = true
		return st
	}
	recovered, stayed := said(trust.Wrong, trust.SourceRecovered, "warden", 2), said(trust.Right, trust.SourceStayed, "warden", 2)
	for _, c := range []struct {
		name     string
		said     []trust.Statement
		label    trust.Label
		by       string
		conflict bool
	}{
		{"unclear before warden's wrong", []trust.Statement{low(trust.Unclear, trust.SourcePerson, "bob", 1), recovered}, trust.Wrong, "warden", false},
		{"an approver's unclear before it", []trust.Statement{said(trust.Unclear, trust.SourcePerson, "kim", 1), recovered}, trust.Unclear, "kim", false},
		{"denied as known work before it", []trust.Statement{low(trust.Unclear, trust.SourceDeny, "bob", 1), recovered}, trust.Wrong, "warden", false},
		{"unclear beside a denial", []trust.Statement{low(trust.Unclear, trust.SourcePerson, "bob", 3), said(trust.Wrong, trust.SourceDeny, "kim", 1)}, trust.Wrong, "kim", false},
		{"unclear over warden's right", []trust.Statement{low(trust.Unclear, trust.SourcePerson, "bob", 1), stayed}, trust.Unclear, "bob", false},
		{"wrong over warden's right", []trust.Statement{low(trust.Wrong, trust.SourcePerson, "bob", 3), stayed}, trust.Wrong, "bob", false},
		{"wrong beside an approver's right", []trust.Statement{low(trust.Wrong, trust.SourcePerson, "bob", 3), said(trust.Right, trust.SourcePerson, "kim", 1)}, trust.Wrong, "bob", true},
		{"a denial under an approver's right", []trust.Statement{low(trust.Wrong, trust.SourceDeny, "bob", 3), said(trust.Right, trust.SourcePerson, "kim", 4)}, trust.Right, "kim", false},
		{"right is no word of theirs", []trust.Statement{low(trust.Right, trust.SourcePerson, "bob", 3)}, trust.Unlabelled, "", false},
		{"alone", []trust.Statement{low(trust.Unclear, trust.SourcePerson, "bob", 3)}, trust.Unclear, "bob", false},
	} {
		got := trust.Sample{Said: c.said}.Resolve()
		if got.Label != c.label || got.By != c.by || got.Conflict != c.conflict {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// TestRepeats: who may approve by now says the same anew.
func TestRepeats(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ was, is, want bool }{{false, false, true}, {true, true, true}, {false, true, true}, {true, false, false}} {
		was, is := said(trust.Unclear, trust.SourcePerson, "bob", 1), said(trust.Unclear, trust.SourcePerson, "bob", 2)
		was.Lowers, is.Lowers = c.was, c.is
		if is.Repeats(was) != c.want {
			t.Errorf("%+v", c)
		}
	}
}
