package trust_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/remedy"
	"warden/internal/trust"
)

var day0 = time.Date(2026, 8, 22, 0, 0, 0, 0, time.UTC)

func said(l trust.Label, s trust.Source, by string, minute int) trust.Statement {
	return trust.Statement{Label: l, Source: s, By: by, At: day0.Add(time.Duration(minute) * time.Minute)}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		said     []trust.Statement
		label    trust.Label
		source   trust.Source
		by       string
		conflict bool
	}{
		{"nobody", nil, trust.Unlabelled, "", "", false},
		{"a person", []trust.Statement{said(trust.Right, trust.SourcePerson, "kim", 1)}, trust.Right, trust.SourcePerson, "kim", false},
		{
			"a person overrules what was seen",
			[]trust.Statement{said(trust.Right, trust.SourcePerson, "kim", 1), said(trust.Wrong, trust.SourceRecovered, "warden", 2)},
			trust.Right, trust.SourcePerson, "kim", false,
		},
		{
			"people differ",
			[]trust.Statement{said(trust.Wrong, trust.SourcePerson, "kim", 1), said(trust.Right, trust.SourcePerson, "sam", 2)},
			trust.Wrong, trust.SourcePerson, "kim", true,
		},
		{
			"unclear beats right and not wrong",
			[]trust.Statement{said(trust.Unclear, trust.SourcePerson, "kim", 1), said(trust.Right, trust.SourcePerson, "sam", 2)},
			trust.Unclear, trust.SourcePerson, "kim", true,
		},
		{
			"a correction",
			[]trust.Statement{said(trust.Wrong, trust.SourcePerson, "kim", 1), said(trust.Right, trust.SourcePerson, "kim", 2)},
			trust.Right, trust.SourcePerson, "kim", false,
		},
		{
			"a correction in the same instant is the later entry",
			[]trust.Statement{said(trust.Wrong, trust.SourcePerson, "kim", 1), said(trust.Right, trust.SourcePerson, "kim", 1)},
			trust.Right, trust.SourcePerson, "kim", false,
		},
		{
			"taken back",
			[]trust.Statement{
				said(trust.Right, trust.SourcePerson, "kim", 1), said(trust.Wrong, trust.SourceRecovered, "warden", 1),
				said(trust.Unlabelled, trust.SourcePerson, "kim", 2),
			},
			trust.Wrong, trust.SourceRecovered, "warden", false,
		},
		{
			"taking back takes back one's own only",
			[]trust.Statement{said(trust.Wrong, trust.SourceDeny, "kim", 1), said(trust.Unlabelled, trust.SourcePerson, "kim", 2)},
			trust.Wrong, trust.SourceDeny, "kim", false,
		},
		{
			"deny and undo are as strong as each other",
			[]trust.Statement{said(trust.Right, trust.SourceUndo, "sam", 1), said(trust.Wrong, trust.SourceDeny, "kim", 2)},
			trust.Wrong, trust.SourceDeny, "kim", true,
		},
		{"what nobody knows says nothing", []trust.Statement{said(trust.Right, "a-later-build", "x", 1)}, trust.Unlabelled, "", "", false},
		{"a label from a later build", []trust.Statement{said(9, trust.SourcePerson, "kim", 1)}, trust.Unlabelled, "", "", false},
	} {
		s := trust.Sample{Said: c.said}
		before := slices.Clone(c.said)
		got := s.Resolve()
		if got.Label != c.label || got.Source != c.source || got.By != c.by || got.Conflict != c.conflict {
			t.Errorf("%s: %+v", c.name, got)
		}
		if s.Label() != got.Label {
			t.Errorf("%s: Label says %v, Resolve %v", c.name, s.Label(), got.Label)
		}
		if !reflect.DeepEqual(before, c.said) {
			t.Errorf("%s: the statements were changed", c.name)
		}
	}
}

var (
	sources = []trust.Source{
		trust.SourcePerson, trust.SourceDeny, trust.SourceUndo, trust.SourceRecovered, trust.SourceStayed, trust.SourceHand, trust.SourceNoData,
	}
	labels = []trust.Label{trust.Unlabelled, trust.Right, trust.Unclear, trust.Wrong}
)

func statements(most int) *rapid.Generator[[]trust.Statement] {
	return rapid.Custom(func(t *rapid.T) []trust.Statement {
		var out []trust.Statement
		for range rapid.IntRange(0, most).Draw(t, "statements") {
			st := said(rapid.SampledFrom(labels).Draw(t, "label"), rapid.SampledFrom(sources).Draw(t, "source"),
				rapid.SampledFrom([]string{"kim", "sam", "warden"}).Draw(t, "by"), rapid.IntRange(0, 5).Draw(t, "minute"))
			st.Lowers = rapid.Bool().Draw(t, "lowers")
			out = append(out, st)
		}
		return out
	})
}

// The order in which different speakers are heard makes no difference; what one
// speaker says stays in its order.
func TestOrderOfSpeakersMakesNoDifference(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := trust.Sample{Said: statements(8).Draw(t, "said")}
		slices.SortStableFunc(s.Said, func(a, b trust.Statement) int { return a.At.Compare(b.At) })
		queues := make(map[string][]trust.Statement)
		var order []string
		for _, st := range s.Said {
			speaker := string(st.Source) + "/" + st.By
			queues[speaker] = append(queues[speaker], st)
			order = append(order, speaker)
		}
		shuffled := trust.Sample{}
		for _, speaker := range rapid.Permutation(order).Draw(t, "order") {
			shuffled.Said = append(shuffled.Said, queues[speaker][0])
			queues[speaker] = queues[speaker][1:]
		}
		a, b := s.Resolve(), shuffled.Resolve()
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("%+v in one order, %+v in another", a, b)
		}
	})
}

// A word of wrong by somebody who hasn't spoken never makes a label better.
func TestWrongNeverHelps(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := trust.Sample{Said: statements(6).Draw(t, "said")}
		before := s.Resolve().Label
		s.Said = append(s.Said, said(trust.Wrong, trust.SourcePerson, "a third", 9))
		if after := s.Resolve().Label; after != trust.Wrong {
			t.Fatalf("%v, and %v after a person said wrong", before, after)
		}
	})
}

// sample is a case at a minute with what one person said of it.
func sample(id, minute int, l trust.Label) trust.Sample {
	s := trust.Sample{Case: remedy.CaseID(id), Host: remedy.HostName(fmt.Sprintf("host-%d", id)), At: day0.Add(time.Duration(minute) * time.Minute)}
	if l != trust.Unlabelled {
		s.Said = []trust.Statement{said(l, trust.SourcePerson, "kim", minute)}
	}
	return s
}

// TestEases: who may not say right may not make a case look better in another way.
func TestEases(t *testing.T) {
	t.Parallel()
	recovered := said(trust.Wrong, trust.SourceRecovered, "warden", 1)
	stayed := said(trust.Right, trust.SourceStayed, "warden", 1)
	denied := said(trust.Wrong, trust.SourceDeny, "sam", 1)
	undone := said(trust.Wrong, trust.SourceUndo, "sam", 1)
	word := func(l trust.Label, by string) trust.Statement { return said(l, trust.SourcePerson, by, 9) }
	for _, c := range []struct {
		name string
		said []trust.Statement
		next trust.Statement
		want bool
	}{
		{"wrong about what nobody knows", nil, word(trust.Wrong, "kim"), false},
		{"unclear about what nobody knows", nil, word(trust.Unclear, "kim"), false},
		{"right about what nobody knows", nil, word(trust.Right, "kim"), true},
		{"unclear over a wrong that warden saw", []trust.Statement{recovered}, word(trust.Unclear, "kim"), true},
		{"right over a wrong that warden saw", []trust.Statement{recovered}, word(trust.Right, "kim"), true},
		{"wrong over a wrong that warden saw", []trust.Statement{recovered}, word(trust.Wrong, "kim"), false},
		{"unclear over a denial as false-alarm", []trust.Statement{denied}, word(trust.Unclear, "kim"), true},
		{"unclear over an undo as was-fine", []trust.Statement{undone}, word(trust.Unclear, "kim"), true},
		{"unclear instead of one's own denial", []trust.Statement{denied}, word(trust.Unclear, "sam"), false},
		{"unclear instead of one's own undo", []trust.Statement{undone}, word(trust.Unclear, "sam"), false},
		{"unclear instead of one's own denial, over warden's wrong", []trust.Statement{recovered, denied}, word(trust.Unclear, "sam"), true},
		{"right instead of one's own denial", []trust.Statement{denied}, word(trust.Right, "sam"), true},
		{"unclear over a right that warden saw", []trust.Statement{stayed}, word(trust.Unclear, "kim"), false},
		{"unclear beside another's wrong", []trust.Statement{said(trust.Wrong, trust.SourcePerson, "sam", 2)}, word(trust.Unclear, "kim"), false},
		{"unclear beside another's right", []trust.Statement{said(trust.Right, trust.SourcePerson, "sam", 2)}, word(trust.Unclear, "kim"), false},
		{"unclear instead of one's own wrong", []trust.Statement{said(trust.Wrong, trust.SourcePerson, "kim", 2)}, word(trust.Unclear, "kim"), false},
		{"one's own wrong taken back", []trust.Statement{said(trust.Wrong, trust.SourcePerson, "kim", 2)}, word(trust.Unlabelled, "kim"), false},
		{"unclear instead of one's own wrong, over warden's", []trust.Statement{recovered, said(trust.Wrong, trust.SourcePerson, "kim", 2)}, word(trust.Unclear, "kim"), true},
		{"unclear again, over warden's wrong", []trust.Statement{recovered, said(trust.Unclear, trust.SourcePerson, "kim", 2)}, word(trust.Unclear, "kim"), false},
		{"unclear instead of one's own right, over warden's wrong", []trust.Statement{recovered, said(trust.Right, trust.SourcePerson, "kim", 2)}, word(trust.Unclear, "kim"), false},
		{"wrong instead of one's own right", []trust.Statement{said(trust.Right, trust.SourcePerson, "kim", 2)}, word(trust.Wrong, "kim"), false},
	} {
		s := trust.Sample{Said: c.said}
		before := slices.Clone(c.said)
		if got := s.Eases(c.next); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		if !slices.Equal(before, s.Said) {
			t.Errorf("%s: it changed the sample", c.name)
		}
	}
}
