package trust

import (
	"cmp"
	"slices"
	"time"

	"warden/internal/remedy"
)

// Tally is a number of episodes by their label.
type Tally struct {
	Episodes   int `json:"episodes"`
	Right      int `json:"right"`
	Wrong      int `json:"wrong"`
	Unclear    int `json:"unclear"`
	Unlabelled int `json:"unlabelled"`
}

// Labelled is how many are known to be right or wrong.
func (t Tally) Labelled() int { return t.Right + t.Wrong }

// Rest is how many are not known to be right.
func (t Tally) Rest() int { return t.Episodes - t.Right }

func (t *Tally) add(l Label) {
	t.Episodes++
	switch l {
	case Right:
		t.Right++
	case Wrong:
		t.Wrong++
	case Unclear:
		t.Unclear++
	case Unlabelled:
		t.Unlabelled++
	}
}

// Numbers is what a record comes to.
type Numbers struct {
	// From is where the window begins; zero for the whole record.
	From time.Time `json:"from,omitzero"`
	Tally
	// Cases is how many cases the episodes consist of. Folded is how many of the
	// episodes are kept in numbers only: their cases are not named anywhere.
	Cases  int `json:"cases"`
	Folded int `json:"folded,omitempty"`
	// Coverage is how many of the episodes are right or wrong, as a share.
	Coverage remedy.Fact[float64] `json:"coverage"`
	// Precision is the right ones of the labelled; Low and High its Wilson interval.
	Precision remedy.Fact[float64] `json:"precision"`
	Low       float64              `json:"low"`
	High      float64              `json:"high"`
	// Strict is the second line: the right ones of all, as if every other one
	// were wrong.
	Strict     remedy.Fact[float64] `json:"strict"`
	StrictLow  float64              `json:"strict_low"`
	StrictHigh float64              `json:"strict_high"`
	// WrongCases names the wrong ones, ToLabel those of episodes that nobody
	// labelled, both newest first; Conflicts those on which people differ.
	WrongCases []Named `json:"wrong_cases,omitempty"`
	ToLabel    []Named `json:"to_label,omitempty"`
	Conflicts  []Named `json:"conflicts,omitempty"`
	// Sources is how many cases each source labelled, strongest first.
	Sources []SourceCount `json:"sources,omitempty"`
	// Lead is how much earlier warden was than the hand that took the host out;
	// Later how many times the hand was first. Answers is how long people took.
	Lead    Times `json:"lead"`
	Later   int   `json:"later,omitempty"`
	Answers Times `json:"answers"`
}

// Named is one case with its label and where that comes from.
type Named struct {
	Case   remedy.CaseID   `json:"case"`
	Host   remedy.HostName `json:"host"`
	At     time.Time       `json:"at"`
	Label  Label           `json:"label"`
	Source Source          `json:"source,omitempty"`
	By     string          `json:"by,omitempty"`
	Acted  bool            `json:"acted,omitempty"`
	// Said are the statements that count, where they differ.
	Said []Statement `json:"said,omitempty"`
}

// SourceCount is how many cases one source labelled.
type SourceCount struct {
	Source  Source `json:"source"`
	Right   int    `json:"right"`
	Wrong   int    `json:"wrong"`
	Unclear int    `json:"unclear"`
}

// Times are durations of which the middle and the ends matter. All are zero
// when N is.
type Times struct {
	N      int           `json:"n"`
	Median time.Duration `json:"median"`
	Least  time.Duration `json:"least"`
	Most   time.Duration `json:"most"`
}

// Count counts a record from an instant on; a zero instant is all of it. Of the
// rules it reads the episode gap and the confidence. An episode counts when it
// begins at or after from. Folded episodes count for the whole record, and for
// a window when the newest of them reaches into it: then it is a longer window
// than was asked for, which Folded tells.
func Count(r Record, from time.Time, rules Rules) Numbers {
	n := Numbers{From: from}
	if f := r.Folded; f.count() > 0 && (from.IsZero() || f.Until.After(from)) {
		n.Tally, n.Cases, n.Folded = f.tally(), f.Cases, f.count()
	}
	var lead, answers []time.Duration
	var sources []SourceCount
	for _, e := range Episodes(r.Cases, rules.EpisodeGap, r.Moved...) {
		if e.From.Before(from) {
			continue
		}
		n.add(e.Label)
		n.Cases += len(e.Cases)
		for i := range e.Cases {
			s := &e.Cases[i]
			said := s.Resolve()
			n.name(s, e.Label, said)
			sources = countSource(sources, said)
			if d, ok := s.lead(); ok {
				lead = append(lead, d)
				if d < 0 {
					n.Later++
				}
			}
			if d, ok := s.answer(); ok {
				answers = append(answers, d)
			}
		}
	}
	n.finish(rules.Confidence)
	slices.SortFunc(sources, func(a, b SourceCount) int {
		return cmp.Or(cmp.Compare(b.Source.Strength(), a.Source.Strength()), cmp.Compare(a.Source, b.Source))
	})
	n.Sources, n.Lead, n.Answers = sources, timesOf(lead), timesOf(answers)
	return n
}

// AnswerTimes is how long people took to answer questions asked from an instant
// on, of those whose asking time is wanted: at night, say.
func AnswerTimes(r Record, from time.Time, wanted func(asked time.Time) bool) Times {
	var answers []time.Duration
	for i := range r.Cases {
		s := &r.Cases[i]
		if d, ok := s.answer(); ok && !s.AskedAt.Before(from) && wanted(s.AskedAt) {
			answers = append(answers, d)
		}
	}
	return timesOf(answers)
}

// tallies are the Tally of Count from an instant on and that of the whole
// record, for what judges a gate again and again.
func tallies(r *Record, from time.Time, gap time.Duration) (window, whole Tally) {
	if f := r.Folded; f.count() > 0 {
		whole = f.tally()
		if from.IsZero() || f.Until.After(from) {
			window = whole
		}
	}
	sorted := inOrder(withMoved(r.Cases, r.Moved))
	for i := 0; i < len(sorted); {
		end, label := episodeEnd(sorted, i, gap)
		if len(r.Moved) > 0 && !slices.ContainsFunc(sorted[i:end], func(s Sample) bool { return !isMoved(s) }) {
			i = end
			continue
		}
		whole.add(label)
		if !sorted[i].At.Before(from) {
			window.add(label)
		}
		i = end
	}
	return window, whole
}

func (f Folded) count() int { return f.Right + f.Wrong + f.Unclear + f.Unlabelled }

func (f Folded) tally() Tally {
	return Tally{Episodes: f.count(), Right: f.Right, Wrong: f.Wrong, Unclear: f.Unclear, Unlabelled: f.Unlabelled}
}

// name puts a case on the lists it belongs on.
func (n *Numbers) name(s *Sample, episode Label, said Resolution) {
	named := Named{
		Case: s.Case, Host: s.Host, At: s.At, Label: said.Label, Source: said.Source, By: said.By, Acted: s.Acted,
	}
	if regrets := s.regrets(said.Label); said.Conflict || len(regrets) > 0 {
		named.Said = slices.Concat(said.Counts, regrets)
		n.Conflicts = append(n.Conflicts, named)
	}
	switch {
	case said.Label == Wrong:
		n.WrongCases = append(n.WrongCases, named)
	case episode == Unlabelled:
		n.ToLabel = append(n.ToLabel, named)
	}
}

// regrets are the people's words that say wrong of a case that counts as something else,
// since a stronger source says so, such as an undo as was-fine beside a label. They change
// no number, but nobody is to read that all were content.
func (s *Sample) regrets(label Label) (all []Statement) {
	if label == Wrong {
		return nil
	}
	for i, said := range s.Said {
		if said.Label == Wrong && said.Source.OfPeople() && s.stands(i) {
			all = append(all, said)
		}
	}
	return all
}

func (n *Numbers) finish(confidence float64) {
	n.Coverage = share(n.Labelled(), n.Episodes, "no episodes")
	n.Precision = share(n.Right, n.Labelled(), "nothing is labelled")
	n.Low, n.High = Wilson(n.Right, n.Labelled(), confidence)
	n.Strict = share(n.Right, n.Episodes, "no episodes")
	n.StrictLow, n.StrictHigh = Wilson(n.Right, n.Episodes, confidence)
	slices.Reverse(n.WrongCases)
	slices.Reverse(n.ToLabel)
	slices.Reverse(n.Conflicts)
}

// lead is how long before another hand warden wanted to act; negative when the
// hand was first. A crowd of hosts that went out was about something else.
func (s *Sample) lead() (time.Duration, bool) {
	if s.HandAt.IsZero() || s.Crowd {
		return 0, false
	}
	return s.HandAt.Sub(s.At), true
}

func (s *Sample) answer() (time.Duration, bool) {
	if s.AskedAt.IsZero() || s.AnsweredAt.Before(s.AskedAt) {
		return 0, false
	}
	return s.AnsweredAt.Sub(s.AskedAt), true
}

func countSource(sources []SourceCount, said Resolution) []SourceCount {
	if said.Label == Unlabelled {
		return sources
	}
	i := slices.IndexFunc(sources, func(c SourceCount) bool { return c.Source == said.Source })
	if i < 0 {
		i = len(sources)
		sources = append(sources, SourceCount{Source: said.Source})
	}
	switch said.Label {
	case Right:
		sources[i].Right++
	case Wrong:
		sources[i].Wrong++
	case Unclear, Unlabelled:
		sources[i].Unclear++
	}
	return sources
}

// timesOf sorts what it is given. The median of an even number is the mean of
// the two in the middle.
func timesOf(d []time.Duration) Times {
	if len(d) == 0 {
		return Times{}
	}
	slices.Sort(d)
	low, high := d[(len(d)-1)/2], d[len(d)/2]
	return Times{N: len(d), Median: low + (high-low)/2, Least: d[0], Most: d[len(d)-1]}
}
