package trust

import (
	"time"

	"warden/internal/remedy"
)

// Assessment is all that is known and judged of one action in one pool: what
// `warden trust`, `promote`, `policy diff`, the reload message and the report
// show. The API puts "warden.trust/v1" around it.
type Assessment struct {
	Action remedy.ActionName `json:"action"`
	Pool   remedy.PoolName   `json:"pool"`
	// At is when it was made, From where the evidence window begins; zero where
	// there is none.
	At   time.Time `json:"at"`
	From time.Time `json:"from,omitzero"`
	// Reported is the lowest level of the voters' files, Effective what is in
	// force, Allowed the highest whose gate is met.
	Reported  remedy.Level `json:"reported"`
	Effective remedy.Level `json:"effective"`
	Allowed   remedy.Level `json:"allowed"`
	Rules     Rules        `json:"rules"`
	// Detectors are those that propose it, by name.
	Detectors []DetectorAssessment `json:"detectors"`
	// Runs is how reliable the action is since RunsSince, Target its digest.
	Runs      Reliability `json:"runs"`
	RunsSince time.Time   `json:"runs_since,omitzero"`
	Target    string      `json:"target,omitempty"`
	HasUndo   bool        `json:"has_undo"`
	// Next is the verdict for the rung above Reported; nil at auto. Rungs are
	// those for notify, confirm and auto.
	Next  *Verdict  `json:"next,omitempty"`
	Rungs []Verdict `json:"rungs"`
	// Stance is the advice in one word, Advice in a sentence or two.
	Stance Stance `json:"stance"`
	Advice string `json:"advice"`
	// Limits say in plain words what the numbers don't show.
	Limits []string `json:"limits"`
	// Demotion and Grant are nil where there is none.
	Demotion *Demotion `json:"demotion,omitempty"`
	Grant    *Grant    `json:"grant,omitempty"`
	// Older are the records of earlier digests, which count for nothing.
	Older []OlderRecord `json:"older,omitempty"`
}

// DetectorAssessment is one detector's part of it.
type DetectorAssessment struct {
	Detector remedy.DetectorName `json:"detector"`
	Digest   string              `json:"digest"`
	// Since is since when the detector is as it is. LiveDays is for how many whole
	// days both it and the action are; unknown where one isn't known.
	Since    time.Time        `json:"since,omitzero"`
	LiveDays remedy.Fact[int] `json:"live_days"`
	// Window is what the record comes to since From; Whole the same of all of it.
	Window Numbers `json:"window"`
	Whole  Tally   `json:"whole"`
	// AnyTimeLow is what the precision of the whole record is at least, however
	// often it is looked at, when whatever isn't known to be right is wrong.
	AnyTimeLow float64 `json:"any_time_low"`
}

// OlderRecord is what the record of an earlier digest came to.
type OlderRecord struct {
	Detector remedy.DetectorName `json:"detector"`
	Digest   string              `json:"digest"`
	Since    time.Time           `json:"since,omitzero"`
	Tally
}

// Stance is advice in one word.
type Stance string

// The stances.
const (
	StancePromote Stance = "promote" // the gate for the next rung is met
	StanceWait    Stance = "wait"    // not yet: more evidence may do
	StanceLabel   Stance = "label"   // not yet: labels on what is there would do
	StanceDont    Stance = "dont"    // more evidence of this kind won't do: change it or leave it
	StanceReview  Stance = "review"  // demoted: a person has to look first
	StanceStay    Stance = "stay"    // at auto, and the gate still holds
	StanceLower   Stance = "lower"   // the gate of the level that it has isn't met
)

// Assess judges all there is about one action in one pool.
func Assess(in Evidence, now time.Time) Assessment {
	rules, seen := in.Rules, read(in.Rules, &in, now)
	a := Assessment{
		Action: in.Action, Pool: in.Pool, At: now, From: rules.From(now), Reported: in.Reported, Effective: in.Effective,
		Rules: rules, Detectors: []DetectorAssessment{}, Runs: seen.runs, RunsSince: in.Runs.Since,
		Target: in.Runs.Target, HasUndo: in.HasUndo, Demotion: in.Demotion, Grant: in.Grant,
	}
	for i := range in.Current {
		r, whole := &in.Current[i], seen.records[i].whole
		a.Detectors = append(a.Detectors, DetectorAssessment{
			Detector: r.Detector, Digest: r.Digest, Since: r.Since, LiveDays: seen.records[i].days,
			Window: Count(*r, a.From, rules), Whole: whole,
			AnyTimeLow: SequentialLow(whole.Right, whole.Rest(), rules.Confidence),
		})
	}
	for i := range in.Older {
		r := &in.Older[i]
		_, whole := tallies(r, time.Time{}, rules.EpisodeGap)
		a.Older = append(a.Older, OlderRecord{Detector: r.Detector, Digest: r.Digest, Since: r.Since, Tally: whole})
	}
	a.Allowed, a.Rungs = seen.allowed(rules)
	if in.Reported < remedy.LevelAuto {
		next := seen.judge(rules, in.Reported+1)
		a.Next = &next
	}
	a.Stance, a.Advice = advise(&a)
	a.Limits = limits(&a)
	return a
}

// Weakest is the detector that decides for a verdict; nil where none proposes
// the action.
func (a *Assessment) Weakest(v *Verdict) *DetectorAssessment {
	for i := range a.Detectors {
		if v == nil || a.Detectors[i].Detector == v.Weakest {
			return &a.Detectors[i]
		}
	}
	return nil
}

// AtStake are the verdicts whose checks a person wants to see, the lower rung
// first: that for the level the files ask for, where less than it is in force,
// where it is not met, and at auto, above which there is none; and that for the
// rung above. A rung
// of which nothing is asked is left out beside another one.
func (a *Assessment) AtStake() []*Verdict {
	var out []*Verdict
	if v := a.Rung(a.Reported); v != nil && (a.Next == nil || len(v.Checks) > 0 && (a.Effective < a.Reported || !v.Met)) {
		out = append(out, v)
	}
	if a.Next != nil {
		out = append(out, a.Next)
	}
	return out
}

// Rung is the verdict for a level that the assessment has one of; nil for
// those of which nothing is asked.
func (a *Assessment) Rung(to remedy.Level) *Verdict {
	for i := range a.Rungs {
		if a.Rungs[i].To == to {
			return &a.Rungs[i]
		}
	}
	return nil
}
