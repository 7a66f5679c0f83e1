package engine

import "warden/internal/remedy"

// sources says of each source that the round asked why it can't be believed;
// empty for one that can.
func (r *round) sources() map[remedy.SourceName]string {
	blind := map[remedy.SourceName]string{}
	for _, pool := range sorted(r.pools) {
		p := r.pools[pool]
		for i := range p.judgements {
			j := &p.judgements[i]
			name := j.detector.Spec().Source
			if fresh, ok := j.SourceFresh.Get(); !ok {
				blind[name] = j.SourceFresh.Why
			} else if !fresh {
				blind[name] = "its canary_target is not fresh"
			} else if _, seen := blind[name]; !seen {
				blind[name] = ""
			}
		}
	}
	return blind
}

// Blind returns the sources that could not be believed in the newest round, each
// with why. It is false for a view of no round of a tenure: nobody knows then.
func (v *View) Blind() (map[remedy.SourceName]string, bool) {
	if v.round == nil || v.Local {
		return nil, false
	}
	out := v.round.sources()
	for name, why := range out {
		if why == "" {
			delete(out, name)
		}
	}
	return out, true
}
