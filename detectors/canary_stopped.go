package detectors

import (
	"warden/internal/remedy"
)

// peerSlack is the share of the others, as a divisor, that may fail to be fresh
// without making a host that stopped look like a pipe that broke: a tenth.
const peerSlack = 10

// stopped is the stopped-host rule, the one place where missing counts as 0: a
// host that was seen, has sent nothing since, while the source's canary_target
// and the other hosts in service stayed fresh.
type stopped struct {
	*canaryRound
	stoppedHosts
	verdicts []remedy.HostVerdict
	// ended, peers and notFresh count over the whole pool: hosts that may have
	// stopped, hosts in service, and those of them that were not fresh throughout.
	ended, peers, notFresh int
}

// stoppedHosts is what the rule needs to know of the hosts besides their
// verdicts. Most is asked of those that are not fresh only.
type stoppedHosts struct {
	facts       []hostFacts
	recent      func(host int) tally // raw samples within the quiet time
	seen        func(host int) tally // raw samples within SeenWithin
	expectKnown func(host int) bool  // something is expected at every judged step
}

func newStopped(r *canaryRound, hosts stoppedHosts, verdicts []remedy.HostVerdict) *stopped {
	s := &stopped{canaryRound: r, stoppedHosts: hosts, verdicts: verdicts}
	for i := range r.pool.Hosts {
		if s.hasEnded(i) {
			s.ended++
		}
		if s.isPeer(i) {
			s.peers++
			if !s.facts[i].has(freshThroughout) {
				s.notFresh++
			}
		}
	}
	return s
}

// isPeer reports whether a host is known to be in service, for all and for the
// shadow budget.
func (s *stopped) isPeer(host int) bool {
	h := s.pool.Hosts[host]
	return h.State == remedy.ServiceIn && !h.ShadowOut
}

// hasEnded reports whether a host counts towards max_ended: it was seen and is
// not fresh now. One that went stale a moment ago counts, since it may be about
// to be found stopped as well: hosts that stop together are not sampled at the
// same moment. So does one whose service state is unknown, for it may well have
// been in service.
func (s *stopped) hasEnded(host int) bool {
	h, f := s.pool.Hosts[host], s.facts[host]
	return h.State != remedy.ServiceOut && !h.ShadowOut && !f.has(freshNow) && (s.verdicts[host].Newest != 0 || s.seen(host).any)
}

// apply concludes on every host that has sent nothing within the quiet time.
func (s *stopped) apply() {
	for i := range s.verdicts {
		f := &s.verdicts[i]
		if f.Verdict != remedy.VerdictUnknown || !s.isQuiet(i) {
			continue
		}
		if reason := s.whyNot(i); reason != "" {
			f.SetReason(reason)
			continue
		}
		f.Verdict, f.Value, f.Stopped, f.BadNow = remedy.VerdictBad, 0, true, true
		f.SetReason("")
		f.BadSince = s.clock.at - s.spec.For.Milliseconds()
	}
}

// isQuiet reports whether a host has sent nothing within the quiet time, by
// both the count and the date of its newest sample.
func (s *stopped) isQuiet(host int) bool {
	newest := s.verdicts[host].Newest
	return !s.facts[host].has(duplicate) && !s.recent(host).any &&
		(newest == 0 || s.clock.at-newest >= s.quiet.Milliseconds())
}

// whyNot is the reason a quiet host is unknown; empty when it has stopped.
func (s *stopped) whyNot(host int) string {
	seen, f := s.seen(host), s.facts[host]
	ended, peers, notFresh := s.ended, s.peers, s.notFresh
	if !s.hasEnded(host) {
		ended++ // a shadow execution holds it out: it counts for itself alone
	}
	if s.isPeer(host) {
		peers--
		if !f.has(freshThroughout) {
			notFresh--
		}
	}
	switch {
	case !seen.any:
		return remedy.ReasonNeverSeen
	case !(seen.sum >= float64(s.spec.MinPoints)) || !isFinite(seen.sum):
		return remedy.ReasonFewPoints
	case !s.target.throughout():
		return remedy.ReasonSourceStale
	case ended > s.spec.MaxEnded:
		return remedy.ReasonManyStopped
	case notFresh > max(1, peers/peerSlack) || notFresh == peers:
		return remedy.ReasonPeersNotFresh // with no other that is fresh there is nothing to tell by
	case !s.expectKnown(host):
		return remedy.ReasonNoExpectation
	}
	return ""
}
