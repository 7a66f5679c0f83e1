package trust

import (
	"cmp"
	"slices"
	"time"
)

// EpisodeMax is how long an episode may be, from its first case to the
// beginning of its last. It keeps a fault that goes on for a week from being
// one piece of evidence.
const EpisodeMax = 6 * time.Hour

// Episode is one piece of evidence: cases of one pool that were proposed close
// together and so have likely one cause.
type Episode struct {
	// From is when the first of its cases was proposed, To the last.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Label is the worst of its cases; Unlabelled where none has one.
	Label Label `json:"label"`
	// Cases are its cases by the time of their proposal, at least one. They share
	// memory with those of other episodes and are not to be changed.
	Cases []Sample `json:"cases"`
}

// Episodes groups the cases of one record. From the oldest on, one that was
// proposed less than gap after the one before it, and less than EpisodeMax
// after the first of the episode, belongs to that episode. The order of the
// samples makes no difference, and they are not changed. Cases that were moved to
// another record join episodes, and are none.
func Episodes(samples []Sample, gap time.Duration, moved ...time.Time) []Episode {
	var episodes []Episode
	sorted := inOrder(withMoved(samples, moved))
	for i := 0; i < len(sorted); {
		end, label := episodeEnd(sorted, i, gap)
		cases := sorted[i:end:end]
		if len(moved) > 0 {
			cases = slices.DeleteFunc(slices.Clone(cases), isMoved)
		}
		if len(cases) > 0 {
			episodes = append(episodes, Episode{From: sorted[i].At, To: sorted[end-1].At, Label: label, Cases: cases})
		}
		i = end
	}
	return episodes
}

// withMoved is the samples with one that says nothing for each that was moved away.
func withMoved(samples []Sample, moved []time.Time) []Sample {
	if len(moved) == 0 {
		return samples
	}
	all := slices.Clone(samples)
	for _, at := range moved {
		all = append(all, Sample{At: at})
	}
	return all
}

// isMoved reports whether the sample is one of withMoved's: no case has number 0.
func isMoved(s Sample) bool { return s.Case == 0 }

// episodeEnd is the end of the episode that begins at start, with its label.
func episodeEnd(sorted []Sample, start int, gap time.Duration) (end int, label Label) {
	first, last := sorted[start].At, sorted[start].At
	for end = start; end < len(sorted); end++ {
		s := &sorted[end]
		if end > start && (s.At.Sub(last) >= gap || s.At.Sub(first) >= EpisodeMax) {
			break
		}
		last = s.At
		label = max(label, s.Label())
	}
	return end, label
}

// inOrder returns the samples by time and, of one instant, by case: the ledger
// keeps them so nearly always, and then they are not copied.
func inOrder(samples []Sample) []Sample {
	byTime := func(a, b Sample) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Case, b.Case)) }
	for i := 1; i < len(samples); i++ {
		if a, b := &samples[i-1], &samples[i]; a.At.After(b.At) || a.At.Equal(b.At) && a.Case > b.Case {
			sorted := slices.Clone(samples)
			slices.SortStableFunc(sorted, byTime)
			return sorted
		}
	}
	return samples
}
