package remedy

import "time"

// Finding is one host's verdict with its evidence. Findings are plain values:
// a detector makes them, the engine may store one with a case, nobody mutates
// one afterwards.
type Finding struct {
	Detector DetectorName `json:"detector"`
	Pool     PoolName     `json:"pool"`
	Host     HostName     `json:"host"`
	// At is the judged instant: aligned to the detector's interval, one step
	// behind the clock.
	At      time.Time `json:"at"`
	Verdict Verdict   `json:"verdict"`
	// Reason says why the verdict is unknown, in one of the Reason* words;
	// empty for the other verdicts.
	Reason string `json:"reason,omitempty"`
	// Value is what was measured at At, in Unit; unknown when nothing
	// trustworthy was measured. A stopped host has a known 0.
	Value Fact[float64] `json:"value"`
	// Term says what Value was held against.
	Term
	// Window is how much time each value covers; For how long it had to be bad.
	Window time.Duration `json:"window"`
	For    time.Duration `json:"for"`
	// BadSince is the first of the unbroken run of bad steps that ends at At;
	// zero when At itself is not bad. It reaches back at most `for`.
	BadSince time.Time `json:"bad_since,omitzero"`
	// BadNow reports that the host is past the threshold at At, whatever `for`
	// says: what common mode counts.
	BadNow bool `json:"bad_now,omitempty"`
	// Stopped reports that the series ended and the stopped-host rule counts
	// what is missing as 0.
	Stopped bool `json:"stopped,omitempty"`
	// Newest is the time of the newest raw sample behind Value; zero if none.
	Newest time.Time `json:"newest,omitzero"`
	// Points is how many raw samples the window at At holds.
	Points int `json:"points"`
}

// Covered reports whether the host counts as covered by the detector: good,
// bad, between the thresholds, and stopped are; every other unknown is not.
// Out hosts leave both sums and must not be asked.
func (f Finding) Covered() bool {
	switch f.Verdict {
	case VerdictGood, VerdictBad:
		return true
	case VerdictUnknown:
		return f.Reason == ReasonBetween || f.Reason == ReasonPending || f.Stopped
	case VerdictOut:
		return false
	}
	return false
}

// The reasons a verdict can be unknown for. Each is a stable word that appears
// in logs, the API and metrics.
const (
	ReasonBetween       = "between"         // neither bad nor clear of the threshold: the open case is the memory
	ReasonPending       = "pending"         // bad now, but not at every step of `for`
	ReasonNoSeries      = "no_series"       // no series for this host in the answer
	ReasonNoValue       = "no_value"        // the host has a series, but no value at the judged instant
	ReasonNeverSeen     = "never_seen"      // the source has never shown this host within seen_within
	ReasonStale         = "stale"           // the newest sample is older than max_staleness
	ReasonFewPoints     = "few_points"      // fewer raw samples than min_points
	ReasonNotANumber    = "not_a_number"    // NaN or an infinity
	ReasonDuplicate     = "duplicate"       // several series map to this host
	ReasonNoFreshness   = "no_freshness"    // an expression without fresh_query: its age can't be known
	ReasonSourceFailed  = "source_failed"   // the query failed or its answer couldn't be read
	ReasonSourceStale   = "source_stale"    // the source's canary_target isn't fresh: nothing on it is believed
	ReasonNoExpectation = "no_expectation"  // the expected rate is missing, zero, or not a number
	ReasonFuture        = "future"          // samples from the future: a clock is wrong
	ReasonManyStopped   = "many_stopped"    // more hosts stopped at once than max_ended: not a host problem
	ReasonPeersNotFresh = "peers_not_fresh" // a stopped host can't be told from a broken pipe: the others aren't fresh either
)
