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

// TestBoundedOfACrowd: of more speakers than there is room for, the label and
// whether people differ are still those of all of them.
func TestBoundedOfACrowd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all := talk(t, 300, false)
		seen := map[string]bool{}
		all = slices.DeleteFunc(all, func(s trust.Statement) bool { // nobody corrects anything
			again := seen[string(s.Source)+s.By]
			seen[string(s.Source)+s.By] = true
			return again
		})
		kept := saidAll(all)
		a, b := trust.Sample{Said: all}.Resolve(), trust.Sample{Said: kept}.Resolve()
		if a.Label != b.Label || a.Conflict != b.Conflict || len(kept) > trust.MaxSaid {
			t.Fatalf("of all %+v, of the %d that are kept %+v", a, len(kept), b)
		}
	})
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
