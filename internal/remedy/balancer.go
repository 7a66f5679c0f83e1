package remedy

import "time"

// Balancer is what one of a backend's load balancers says of a host. A backend
// that is one load balancer has one of them; a backend that doesn't tell them
// apart has none.
type Balancer struct {
	// Name tells it from the others, as the config spells it: its address.
	Name string `json:"name"`
	// State, Admin and AsWanted are as in Observation, of this one alone. They
	// are unknown where it doesn't list the host.
	State    ServiceState `json:"state"`
	Admin    string       `json:"admin,omitempty"`
	AsWanted Fact[bool]   `json:"as_wanted"`
	// Life is the process that answered; unknown when it doesn't say.
	Life Fact[Life] `json:"life"`
}

// Life identifies one process of a load balancer, from its start to the reload
// or restart that replaces it. What was set at run time is forgotten with it.
type Life struct {
	// ID differs between any two processes of one load balancer.
	ID string `json:"id"`
	// Since is when the process began, as well as it can be told.
	Since time.Time `json:"since"`
}

// BalancerState is the administrative state a host had on one load balancer:
// what an undo restores there.
type BalancerState struct {
	Name  string `json:"name"`
	Admin string `json:"admin"`
}

// States lists the administrative state on each load balancer that lists the
// host, in the order of Balancers.
func (o Observation) States() []BalancerState {
	var out []BalancerState
	for _, b := range o.Balancers {
		if b.Admin != "" {
			out = append(out, BalancerState{Name: b.Name, Admin: b.Admin})
		}
	}
	return out
}

// Partial reports that some load balancers have the host as wanted and others
// certainly don't.
func (o Observation) Partial() bool {
	there, missing := false, false
	for _, b := range o.Balancers {
		if wanted, known := b.AsWanted.Get(); known {
			there, missing = there || wanted, missing || !wanted
		}
	}
	return there && missing
}

// HalfOut reports that the host takes traffic, and not through all of its load
// balancers: what it could carry is not there in full, so floors and out-slots
// count it as out.
func (o Observation) HalfOut() bool {
	if o.State != ServiceIn {
		return false
	}
	for _, b := range o.Balancers {
		if b.State != ServiceIn {
			return true
		}
	}
	return false
}
