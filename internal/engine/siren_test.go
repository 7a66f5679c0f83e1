package engine

import (
	"context"
	"strings"
	"sync"
	"time"

	"warden/internal/remedy"
	"warden/internal/source"
)

// siren is a source with what block_when's queries ask for: `incident`, and
// `timestamp(here)`.
type siren struct {
	mu      sync.Mutex
	fires   []float64     // what `incident` returns
	age     time.Duration // of the newest sample of `here`
	gone    bool          // `here` returns nothing
	dead    bool          // everything fails
	between func(at time.Time) (fires, dead bool)
	fetched int
	// kept, when set, is what Fetch answers by, as a cache would.
	kept *siren
	// onFresh is called by each fresh question.
	onFresh func()
}

// Fetch implements source.Source.
func (s *siren) Fetch(_ context.Context, q remedy.Query) remedy.Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetched++
	if s.kept != nil {
		return s.kept.answer(q)
	}
	return s.answer(q)
}

// Fresh is the source without what it remembers.
func (s *siren) Fresh() source.Source { return freshSiren{s} }

type freshSiren struct{ *siren }

func (s freshSiren) Fetch(_ context.Context, q remedy.Query) remedy.Result {
	if s.onFresh != nil {
		s.onFresh()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answer(q)
}

func (s *siren) answer(q remedy.Query) remedy.Result {
	fires, dead := s.fires, s.dead
	if s.between != nil {
		on, off := s.between(q.End)
		if dead = off; on {
			fires = []float64{1}
		}
	}
	if dead {
		return remedy.Result{Failed: "the siren is down: mend it"}
	}
	var all []remedy.Series
	add := func(v float64) {
		all = append(all, remedy.Series{Points: []remedy.Point{{At: q.End.UnixMilli(), Value: v}}})
	}
	switch {
	case !strings.HasPrefix(q.Expr, "timestamp("):
		for _, v := range fires {
			add(v)
		}
	case !s.gone:
		add(float64(q.End.Add(-s.age).UnixMilli()) / 1000)
	}
	return remedy.Result{Frame: remedy.NewFrame(q, all)}
}

// set changes what it says, from the next question on.
func (s *siren) set(change func(*siren)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// heeding has a config heed a siren.
func heeding(s *siren, change ...func(*BlockWhen)) func(*setup) {
	return func(set *setup) {
		set.config = func(c *Config) {
			c.Sources["siren"] = Source{Source: s, MaxStaleness: 90 * time.Second}
			b := BlockWhen{Name: "major-incident", Source: "siren", Query: "incident", Present: "here"}
			for _, f := range change {
				f(&b)
			}
			c.BlockWhen = []BlockWhen{b}
		}
	}
}
