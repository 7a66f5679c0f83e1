package remedy

import (
	"fmt"
	"slices"
	"time"
)

// Direction says which way of a threshold is bad. The zero value is below.
type Direction uint8

// The directions.
const (
	Below Direction = iota // less is worse
	Above                  // more is worse
)

var directionWords = [...]string{"below", "above"}

// String is the direction's word.
func (d Direction) String() string {
	if int(d) < len(directionWords) {
		return directionWords[d]
	}
	return fmt.Sprintf("direction(%d)", uint8(d))
}

// Opposite is the other direction: the one in which it is good.
func (d Direction) Opposite() Direction {
	if d == Below {
		return Above
	}
	return Below
}

// MarshalText implements encoding.TextMarshaler.
func (d Direction) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Direction) UnmarshalText(b []byte) error {
	i := slices.Index(directionWords[:], string(b))
	if i < 0 {
		return fmt.Errorf("%q is not a direction: use below or above", b)
	}
	*d = Direction(i)
	return nil
}

// Term is one condition that values are held against.
type Term struct {
	// Unit words the value for people, such as "of expected canary data".
	Unit string `json:"unit,omitempty"`
	// Direction says which way is bad: a value is bad when it is Below (or
	// Above) Bad, good when it is at Clear or beyond it the other way, and
	// between them nothing is concluded.
	Direction Direction `json:"direction"`
	Bad       float64   `json:"bad"`
	Clear     float64   `json:"clear"`
}

// IsBad reports whether a value is past the threshold. NaN is not.
func (t Term) IsBad(v float64) bool {
	if t.Direction == Above {
		return v > t.Bad
	}
	return v < t.Bad
}

// IsGood reports whether a value is clear of the threshold. NaN is not.
func (t Term) IsGood(v float64) bool {
	if t.Direction == Above {
		return v <= t.Clear
	}
	return v >= t.Clear
}

// HostVerdict is one host's verdict in 40 bytes and without pointers: a round
// of a large fleet makes a hundred thousand of them for each detector, and most
// say that all is well. Judgement.Finding tells one with all there is to it.
type HostVerdict struct {
	// Value is what was measured; Missing when nothing trustworthy was.
	Value float64
	// BadSince and Newest are those of Finding in Unix milliseconds, 0 for none.
	BadSince, Newest int64
	// Points is how many raw samples the window at At holds.
	Points  int32
	Verdict Verdict
	reason  uint8
	// Term says which of the judgement's terms Value was held against.
	Term uint8
	// BadNow and Stopped are those of Finding.
	BadNow, Stopped bool
}

// reasonWords numbers the reasons, so that a verdict needs no pointer.
var reasonWords = [...]string{
	"", ReasonBetween, ReasonPending, ReasonNoSeries, ReasonNeverSeen, ReasonStale, ReasonFewPoints, ReasonNotANumber,
	ReasonDuplicate, ReasonNoFreshness, ReasonSourceFailed, ReasonSourceStale, ReasonNoExpectation, ReasonFuture,
	ReasonManyStopped, ReasonPeersNotFresh, ReasonNoValue,
}

// Reason is why the verdict is unknown, one of the Reason* words; empty for the
// other verdicts.
func (v *HostVerdict) Reason() string { return reasonWords[v.reason] }

// SetReason sets it. A word that is none of the Reason* words is a mistake in
// the detector and reads as source_failed, so that it can't pass for covered.
func (v *HostVerdict) SetReason(word string) {
	i := slices.Index(reasonWords[:], word)
	if i < 0 {
		i = slices.Index(reasonWords[:], ReasonSourceFailed)
	}
	v.reason = uint8(i)
}

// Covered reports whether the host counts as covered by the detector: good,
// bad, between the thresholds, and stopped are; every other unknown is not.
// Out hosts leave both sums and must not be asked.
func (v *HostVerdict) Covered() bool {
	switch v.Verdict {
	case VerdictGood, VerdictBad:
		return true
	case VerdictUnknown:
		return v.Stopped || v.Reason() == ReasonBetween || v.Reason() == ReasonPending
	case VerdictOut:
		return false
	}
	return false
}

// Judgement is what a detector says of one pool at one instant.
type Judgement struct {
	Detector DetectorName
	Pool     PoolName
	At       time.Time
	// Roster lists the pool's hosts, and Verdicts has one entry for each, in
	// its order.
	Roster   *Roster
	Verdicts []HostVerdict
	// Terms are the conditions, at least one.
	Terms []Term
	// Window is how much time each value covers; For how long a host has to be
	// bad.
	Window, For time.Duration
	// SourceAge is how old the source's canary_target was at At; unknown when
	// it is not configured, or could not be read.
	SourceAge Fact[time.Duration]
	// SourceFresh reports whether the source may be believed at At: its
	// queries answered and its canary_target, if configured, is fresh. Unknown
	// when a query failed.
	SourceFresh Fact[bool]
	// Unmatched counts series whose labels map to no host of the pool.
	Unmatched int
}

// Finding tells the verdict of the i-th host with its evidence.
func (j Judgement) Finding(i int) Finding {
	v := &j.Verdicts[i]
	f := Finding{
		Detector: j.Detector, Pool: j.Pool, Host: j.Roster.Name(i), At: j.At,
		Verdict: v.Verdict, Reason: v.Reason(), Term: j.Terms[v.Term], Window: j.Window, For: j.For,
		BadNow: v.BadNow, Stopped: v.Stopped, Points: int(v.Points),
	}
	switch {
	case v.Verdict == VerdictOut:
		f.Value = Unknown[float64]("not judged: the host is out of service")
	case IsMissing(v.Value):
		f.Value = Unknown[float64]("nothing trustworthy was measured")
	default:
		f.Value = Known(v.Value)
	}
	if v.BadSince != 0 {
		f.BadSince = time.UnixMilli(v.BadSince).UTC()
	}
	if v.Newest != 0 {
		f.Newest = time.UnixMilli(v.Newest).UTC()
	}
	return f
}

// Findings tells every host's verdict, for showing small pools and for tests:
// it costs a few hundred bytes a host.
func (j Judgement) Findings() []Finding {
	out := make([]Finding, len(j.Verdicts))
	for i := range out {
		out[i] = j.Finding(i)
	}
	return out
}

// Of finds a host's place in the judgement; false when the pool doesn't have it.
func (j Judgement) Of(h HostName) (int, bool) { return slices.BinarySearch(j.Roster.names, h) }
