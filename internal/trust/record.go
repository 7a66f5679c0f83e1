package trust

import (
	"slices"
	"time"

	"warden/internal/remedy"
)

// Key names one record of evidence. Another digest is another detector, and so
// another record: evidence about the one says nothing about the other.
type Key struct {
	Action   remedy.ActionName   `json:"action"`
	Pool     remedy.PoolName     `json:"pool"`
	Detector remedy.DetectorName `json:"detector"`
	Digest   string              `json:"digest"`
}

// Record is the evidence about one Key, in the ledger.
type Record struct {
	Key
	// Since is since when the detector is in force as it is, without a break: its
	// cases may be older, where a change was taken back.
	Since time.Time `json:"since"`
	// Cases are those on which warden acted or would have, by case id.
	Cases []Sample `json:"cases,omitempty"`
	// Moved are when cases were proposed that count for another record now, oldest
	// first: they say nothing any more, and keep their episodes one.
	Moved []time.Time `json:"moved,omitempty"`
	// Folded counts the episodes of cases that are no longer held one by one.
	Folded Folded `json:"folded,omitzero"`
	// Gone is since when no voter's report names it; zero while one does.
	Gone time.Time `json:"gone,omitzero"`
}

// Folded are episodes in numbers only.
type Folded struct {
	Right, Wrong, Unclear, Unlabelled int
	Cases                             int
	// Until is the end of the newest of them.
	Until time.Time
}

// Sample is one case as evidence about its detector: what was said of it, and
// what is needed to say what another setting would have made of it.
type Sample struct {
	Case remedy.CaseID   `json:"case"`
	Host remedy.HostName `json:"host"`
	// At is when it was first proposed, at any rung; Level the effective level then.
	At    time.Time    `json:"at"`
	Level remedy.Level `json:"level"`
	// FirstAt is when it was first proposed where At is later: a case that was acted
	// on by another digest than it was proposed by, whose record was in numbers up
	// to a later time, has At from its START. Zero elsewhere.
	FirstAt time.Time `json:"first_at,omitzero"`
	// Said are the statements, oldest first: see Bounded.
	Said []Statement `json:"said,omitempty"`
	// Acted says that warden acted on it, by itself or approved; Approved that what
	// began last, began by a person's yes.
	Acted    bool `json:"acted,omitempty"`
	Approved bool `json:"approved,omitempty"`
	// Finding at the first proposal, or at START where the detector had changed: the value, the term's bad threshold, how long
	// the host had been bad, how many hosts of the N of the pool were bad then.
	Value     float64          `json:"value,omitempty"`
	HasValue  bool             `json:"has_value,omitempty"`
	Bad       float64          `json:"bad,omitempty"`
	Direction remedy.Direction `json:"direction,omitempty"`
	BadFor    time.Duration    `json:"bad_for,omitempty"`
	BadHosts  int              `json:"bad_hosts,omitempty"`
	N         int              `json:"n,omitempty"`
	// GoodAt is when the host was good again while nothing was done; zero if not.
	GoodAt time.Time `json:"good_at,omitzero"`
	// HandAt is when another hand took the host out; zero if none did. Crowd says
	// that others of its pool were taken out around then: a deploy, or worse.
	HandAt time.Time `json:"hand_at,omitzero"`
	Crowd  bool      `json:"crowd,omitempty"`
	// AskedAt and AnsweredAt are those of the first question; zero if none.
	AskedAt    time.Time `json:"asked_at,omitzero"`
	AnsweredAt time.Time `json:"answered_at,omitzero"`
	// Took is whether the action took; unknown while nobody knows.
	Took remedy.Fact[bool] `json:"took"`
}

// ProposedAt is when the case was first proposed, whatever it counts from.
func (s *Sample) ProposedAt() time.Time {
	if s.FirstAt.IsZero() {
		return s.At
	}
	return s.FirstAt
}

// RunKey names one record of how reliable an action is. Another digest of the
// action starts it again.
type RunKey struct {
	Action remedy.ActionName `json:"action"`
	Pool   remedy.PoolName   `json:"pool"`
	Target string            `json:"target"`
}

// Runs is how an action went, whoever asked for it: ran and took, or not. It
// says nothing of whether it should have been done.
type Runs struct {
	RunKey
	// Since is as that of Record.
	Since time.Time `json:"since"`
	Runs  []Run     `json:"runs,omitempty"` // by time
	// FoldedGood and FoldedBad count older ones that are no longer held.
	FoldedGood int `json:"folded_good,omitempty"`
	FoldedBad  int `json:"folded_bad,omitempty"`
	// Gone is since when no voter's report names it; zero while one does.
	Gone time.Time `json:"gone,omitzero"`
}

// Run is one execution that was not called off.
type Run struct {
	Case     remedy.CaseID  `json:"case"`
	At       time.Time      `json:"at"`
	Outcome  remedy.Outcome `json:"outcome,omitempty"` // of the execution
	Approved bool           `json:"approved,omitempty"`
	// Manual says that a person ran it by hand.
	Manual bool `json:"manual,omitempty"`
	// Took is whether it was seen to take; unknown until verified.
	Took remedy.Fact[bool] `json:"took"`
}

// Demotion is a level that warden took from itself, or that a person took from
// it at once. It holds until a person reviews it.
type Demotion struct {
	Action remedy.ActionName `json:"action"`
	Pool   remedy.PoolName   `json:"pool"`
	// To is the highest level left; From what was in force before the first cause.
	To   remedy.Level `json:"to"`
	From remedy.Level `json:"from"`
	// At, By, Why, Case and Reason are those of the first cause: no later one
	// takes its place.
	At time.Time    `json:"at"`
	By remedy.Actor `json:"by"`
	// Why is one of the Why* words; Case is what it was about, 0 for a person's.
	Why    string        `json:"why"`
	Case   remedy.CaseID `json:"case,omitempty"`
	Reason string        `json:"reason,omitempty"`
	// Causes are all that would have taken the level, the first one included, oldest
	// first; of very many the newest are kept.
	Causes []Cause `json:"causes,omitempty"`
}

// Cause is one mistake, or one person's word, that a demotion stands for.
type Cause struct {
	At     time.Time     `json:"at"`
	By     remedy.Actor  `json:"by"`
	Why    string        `json:"why"`
	Case   remedy.CaseID `json:"case,omitempty"`
	Reason string        `json:"reason,omitempty"`
}

// Newest is when the newest cause came: a review has to have seen that one.
func (d Demotion) Newest() time.Time {
	newest := d.At
	for _, c := range d.Causes {
		if c.At.After(newest) {
			newest = c.At
		}
	}
	return newest
}

// Blames reports whether the demotion has that very cause already.
func (d Demotion) Blames(why string, id remedy.CaseID) bool {
	return d.Why == why && d.Case == id || slices.ContainsFunc(d.Causes, func(c Cause) bool { return c.Why == why && c.Case == id })
}

// Last is the demotion as its newest cause tells it, alone.
func (d Demotion) Last() Demotion {
	if n := len(d.Causes); n > 0 {
		return d.by(d.Causes[n-1])
	}
	return d
}

func (d Demotion) by(c Cause) Demotion {
	d.At, d.By, d.Why, d.Case, d.Reason, d.Causes = c.At, c.By, c.Why, c.Case, c.Reason, nil
	return d
}

// Of is the demotion as a cause about the case tells it, the newest one, alone;
// false when it has none.
func (d Demotion) Of(id remedy.CaseID) (Demotion, bool) {
	for _, c := range slices.Backward(d.Causes) {
		if c.Case == id {
			return d.by(c), true
		}
	}
	return d, d.Case == id
}

// Why a demotion is there.
const (
	WhyWrong      = "wrong"      // an action was wrong
	WhyRegretted  = "regretted"  // an action was undone as was-fine
	WhyUnverified = "unverified" // an action was not seen to take
	WhyFailed     = "failed"     // actions failed
	WhyPerson     = "person"     // a person said so
)

// Grant is the level that an enforced gate leaves an action × pool: judged when
// a person's edit asks for one, and kept until the next edit or review.
type Grant struct {
	Action remedy.ActionName `json:"action"`
	Pool   remedy.PoolName   `json:"pool"`
	// To is the highest level that is allowed.
	To remedy.Level `json:"to"`
	At time.Time    `json:"at"`
	// Claim numbers what was asked for: a verdict counts for the newest claim only.
	Claim uint64 `json:"claim"`
	// Revision counts what has changed, since the claim was made, of what a verdict
	// reads: records, runs, and the voters' words on trust. A verdict counts for one.
	Revision uint64 `json:"revision,omitempty"`
	// Granted is what a verdict has allowed and no later claim has lowered; zero
	// while none has. Where a file enforces its gates, To is no higher.
	Granted remedy.Level `json:"granted,omitempty"`
	// Judged is false while the claim waits for its verdict.
	Judged bool `json:"judged,omitempty"`
	// Said is the verdict in words.
	Said string `json:"said,omitempty"`
	// Enforced says that a voter's file enforced its gates since it is there;
	// otherwise it only waits for the rest of a file.
	Enforced bool `json:"enforced,omitempty"`
}

// Evidence is all that is known of one action in one pool, as the ledger hands
// it out: copies, to be kept and not changed.
type Evidence struct {
	Action remedy.ActionName `json:"action"`
	Pool   remedy.PoolName   `json:"pool"`
	// Reported is the lowest level of the voters' files, Effective what is in force
	// after demotions and gates.
	Reported  remedy.Level `json:"reported"`
	Effective remedy.Level `json:"effective"`
	// Rules are the strictest that any voter reported.
	Rules Rules `json:"rules"`
	// Current are the records of the detectors that propose it, as they are in
	// force, by name: one for each, be it empty. Older are those of other digests.
	Current []Record `json:"current"`
	Older   []Record `json:"older,omitempty"`
	// Runs is how reliable the action is as it is in force.
	Runs    Runs `json:"runs"`
	HasUndo bool `json:"has_undo,omitempty"`
	// Demotion and Grant are nil where there is none.
	Demotion *Demotion `json:"demotion,omitempty"`
	Grant    *Grant    `json:"grant,omitempty"`
}
