package trust_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/trust"
)

// talk draws what is said of a case by a number of people, of whom one talks much,
// and by events.
func talk(t *rapid.T, people int, taken bool) []trust.Statement {
	labels := []trust.Label{trust.Right, trust.Unclear, trust.Wrong}
	if taken {
		labels = append(labels, trust.Unlabelled)
	}
	sources := []trust.Source{trust.SourcePerson, trust.SourcePerson, trust.SourceDeny, trust.SourceUndo, trust.SourceRecovered, trust.SourceHand, "of a newer build"}
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	all := make([]trust.Statement, rapid.IntRange(0, 200).Draw(t, "n"))
	for i := range all {
		who := rapid.IntRange(0, people).Draw(t, "who")
		if rapid.Bool().Draw(t, "chatty") {
			who = 0
		}
		at = at.Add(time.Duration(rapid.IntRange(0, 1).Draw(t, "s")) * time.Second)
		all[i] = trust.Statement{
			Label: rapid.SampledFrom(labels).Draw(t, "label"), Source: rapid.SampledFrom(sources).Draw(t, "source"), By: fmt.Sprint("p", who), At: at, Note: fmt.Sprint(i),
			Lowers: rapid.Bool().Draw(t, "lowers"),
		}
	}
	return all
}

// saidAll adds statements one by one, as a ledger does.
func saidAll(all []trust.Statement) (out []trust.Statement) {
	for _, s := range all {
		out = trust.Bounded(append(slices.Clip(out), s))
	}
	return out
}

// TestBoundedKeepsEverySpeakersWord: whoever talks much, and takes back what they
// like, every speaker's newest word is there, with some of what they said before.
func TestBoundedKeepsEverySpeakersWord(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all := talk(t, 8, true)
		kept := saidAll(all)
		a, b := trust.Sample{Said: all}.Resolve(), trust.Sample{Said: kept}.Resolve()
		if a.Label != b.Label || a.Conflict != b.Conflict || len(a.Counts) != len(b.Counts) {
			t.Fatalf("of all %+v, of what is kept %+v", a, b)
		}
		if len(kept) > trust.MaxSaid {
			t.Fatalf("%d are kept", len(kept))
		}
		by := map[string]int{}
		for _, s := range kept {
			by[string(s.Source)+s.By]++
		}
		for who, n := range by {
			if n > trust.MaxSaidBy {
				t.Fatalf("%d of %s", n, who)
			}
		}
		for i, s := range all {
			newest := !slices.ContainsFunc(all[i+1:], func(o trust.Statement) bool { return o.Source == s.Source && o.By == s.By })
			if newest && !slices.Contains(kept, s) && len(by) <= trust.MaxSaid {
				t.Fatalf("%+v is lost of %d speakers", s, len(by))
			}
		}
		if !slices.Equal(trust.Bounded(kept), kept) {
			t.Fatal("what is bounded is bounded again")
		}
	})
}

// TestHearPushesNobodyOut: of more speakers than there is room for, who was heard is
// heard until they say otherwise, whoever comes and goes after them; who is refused is
// told so, and would have changed nothing; and there is always room to take a word back.
func TestHearPushesNobodyOut(t *testing.T) {
	t.Parallel()
	type speaker struct {
		source trust.Source
		by     string
	}
	rapid.Check(t, func(t *rapid.T) {
		var kept, heard []trust.Statement // heard: what was heard last of each speaker
		for i, said := range talk(t, rapid.SampledFrom([]int{3, 300}).Draw(t, "people"), true) {
			who := speaker{said.Source, said.By}
			if said.Lowers && said.Label == trust.Right {
				continue // nobody's word
			}
			next, ok := trust.Hear(kept, said)
			others := slices.DeleteFunc(slices.Clone(heard), func(o trust.Statement) bool { return speaker{o.Source, o.By} == who })
			switch {
			case ok:
				heard = append(others, said)
			case said.Label == trust.Unlabelled || !slices.Equal(next, kept):
				t.Fatalf("%+v, the %dth, is refused, and of %d statements %d are kept", said, i, len(kept), len(next))
			case len(others) == len(heard): // who said something else takes that back first
				a, b := trust.Sample{Said: append(others, said)}.Resolve(), trust.Sample{Said: kept}.Resolve()
				if a.Label != b.Label || a.Conflict != b.Conflict || a.Source != b.Source && a.Source.Strength() != b.Source.Strength() {
					t.Fatalf("%+v was refused, and makes %+v of %+v", said, a, b)
				}
			}
			kept = next
			if len(kept) > trust.MaxSaid {
				t.Fatalf("%d are kept", len(kept))
			}
			for _, o := range heard {
				if o.Label != trust.Unlabelled && !slices.Contains(kept, o) {
					t.Fatalf("%+v was heard, and %+v pushed it out", o, said)
				}
			}
			a, b := trust.Sample{Said: heard}.Resolve(), trust.Sample{Said: kept}.Resolve()
			if a.Label != b.Label || a.Conflict != b.Conflict || len(a.Counts) != len(b.Counts) {
				t.Fatalf("of all who were heard %+v, of what is kept %+v", a, b)
			}
		}
	})
}

// TestHearInAnyOrder: whoever comes first, a crowd's words add up to the same.
func TestHearInAnyOrder(t *testing.T) {
	t.Parallel()
	crowded := 0
	rapid.Check(t, func(t *rapid.T) {
		seen := map[string]bool{}
		all := slices.DeleteFunc(talk(t, 300, false), func(s trust.Statement) bool { // nobody corrects anything
			again := seen[string(s.Source)+s.By]
			seen[string(s.Source)+s.By] = true
			return again || s.Lowers && s.Label == trust.Right
		})
		hear := func(all []trust.Statement) (kept []trust.Statement) {
			for _, s := range all {
				kept, _ = trust.Hear(kept, s)
			}
			return kept
		}
		a, b := trust.Sample{Said: hear(all)}.Resolve(), trust.Sample{Said: hear(rapid.Permutation(all).Draw(t, "order"))}.Resolve()
		whole := trust.Sample{Said: all}.Resolve()
		if a.Label != whole.Label || b.Label != whole.Label || a.Conflict != whole.Conflict || b.Conflict != whole.Conflict {
			t.Fatalf("%+v, %+v in another order, %+v of all %d", a, b, whole, len(all))
		}
		if len(hear(all)) < len(all) {
			crowded++
		}
	})
	if crowded == 0 {
		t.Error("there was always room")
	}
}

// TestHearHasRoom: a crowd that says one thing keeps nobody from saying another,
// warden neither.
func TestHearHasRoom(t *testing.T) {
	t.Parallel()
	crowd := func(label trust.Label, low bool) (kept []trust.Statement) {
		for i := range 500 {
			kept, _ = trust.Hear(kept, trust.Statement{Label: label, Source: trust.SourcePerson, By: fmt.Sprint("c", i), Lowers: low})
		}
		return kept
	}
	for _, first := range []trust.Label{trust.Right, trust.Unclear, trust.Wrong} {
		for _, low := range []bool{false, first != trust.Right} {
			kept := crowd(first, low)
			if len(kept) < 40 || len(kept) > trust.MaxSaid {
				t.Errorf("%d of a crowd are kept", len(kept))
			}
			for _, said := range []trust.Statement{
				{Label: trust.Wrong, Source: trust.SourcePerson, By: "kim"}, {Label: trust.Wrong, Source: trust.SourcePerson, By: "bob", Lowers: true},
				{Label: trust.Wrong, Source: trust.SourceDeny, By: "bob", Lowers: true}, {Label: trust.Wrong, Source: trust.SourceUndo, By: "kim"},
				{Label: trust.Right, Source: trust.SourceUndo, By: "lee"}, {Label: trust.Right, Source: trust.SourcePerson, By: "lee"},
				{Label: trust.Unclear, Source: trust.SourceDeny, By: "sam"}, {Label: trust.Unclear, Source: trust.SourcePerson, By: "sam"},
				{Label: trust.Wrong, Source: trust.SourceRecovered, By: "warden"}, {Label: trust.Right, Source: trust.SourceStayed, By: "warden"},
				{Label: trust.Right, Source: trust.SourceHand, By: "warden"}, {Label: trust.Unclear, Source: trust.SourceNoData, By: "warden"},
			} {
				if full := said.Label == first && said.Lowers == low && said.Source == trust.SourcePerson; full {
					continue
				}
				next, ok := trust.Hear(kept, said)
				if !ok {
					t.Errorf("after a crowd that says %s (%v), %+v is refused", first, low, said)
				}
				kept = next
			}
		}
	}
}

// TestBoundedSparesTheQuiet: one who talks much loses their own old words, and
// nobody else any of theirs.
func TestBoundedSparesTheQuiet(t *testing.T) {
	t.Parallel()
	var all []trust.Statement
	for i := range 3 {
		all = append(all, trust.Statement{Label: trust.Wrong, Source: trust.SourcePerson, By: "alice", Note: fmt.Sprint(i)})
	}
	for i := range 500 {
		all = append(all, trust.Statement{Label: trust.Right, Source: trust.SourcePerson, By: "bob", Note: fmt.Sprint(i)})
	}
	kept := saidAll(all)
	if len(kept) != 3+trust.MaxSaidBy || !slices.Equal(kept[:3], all[:3]) || kept[len(kept)-1] != all[len(all)-1] {
		t.Errorf("%+v", kept)
	}
}
