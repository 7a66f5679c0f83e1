package trust

import "time"

// Series is one record over time, for pictures. Episodes that are kept in numbers
// only are not in it: Folded is how many there are.
type Series struct {
	Key
	Since    time.Time `json:"since,omitzero"`
	Folded   Tally     `json:"folded,omitzero"`
	Episodes []Point   `json:"episodes"` // by time
	// Leads are how long before another hand warden wanted to act, negative where
	// the hand was first; Answers how long people took.
	Leads   []Span `json:"leads,omitempty"`
	Answers []Span `json:"answers,omitempty"`
}

// Point is one episode.
type Point struct {
	At    time.Time `json:"at"`
	Label Label     `json:"label"`
	Cases int       `json:"cases"`
}

// Span is how long something took that began at an instant.
type Span struct {
	At   time.Time     `json:"at"`
	Took time.Duration `json:"took"`
}

// SeriesOf is a record over time. Of the rules it reads the episode gap.
func SeriesOf(r Record, rules Rules) Series {
	out := Series{Key: r.Key, Since: r.Since, Folded: r.Folded.tally(), Episodes: []Point{}}
	for _, e := range Episodes(r.Cases, rules.EpisodeGap, r.Moved...) {
		out.Episodes = append(out.Episodes, Point{At: e.From, Label: e.Label, Cases: len(e.Cases)})
		for i := range e.Cases {
			s := &e.Cases[i]
			if d, ok := s.lead(); ok {
				out.Leads = append(out.Leads, Span{At: s.At, Took: d})
			}
			if d, ok := s.answer(); ok {
				out.Answers = append(out.Answers, Span{At: s.AskedAt, Took: d})
			}
		}
	}
	return out
}
