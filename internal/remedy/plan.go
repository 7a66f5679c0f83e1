package remedy

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// Plan is the action wanted on one host, and in the backend's own words what
// it would change.
type Plan struct {
	Action ActionName `json:"action"`
	Pool   PoolName   `json:"pool"`
	Host   HostName   `json:"host"`
	// Steps are the backend's own commands in order, such as
	// "set server be/h1 state drain". The plan hash covers exactly these.
	Steps []string `json:"steps"`
	// UndoSteps are the commands that would restore the prior value.
	UndoSteps []string `json:"undo_steps,omitempty"`
	// Summary says the plan in words, such as "drain h1 in haproxy backend be".
	Summary string `json:"summary"`
	// ManualHint is the exact command to do it by hand: plan C.
	ManualHint string `json:"manual_hint,omitempty"`
	// UndoHint is the same for putting the host back, where the config says.
	UndoHint string `json:"undo_hint,omitempty"`
}

// Hash fingerprints the plan's backend steps, and nothing else: 12 hex digits
// of SHA-256 over the steps. An approval is bound to it.
func (p Plan) Hash() string {
	if len(p.Steps) == 0 {
		return ""
	}
	sum := sha256.Sum256([]byte(strings.Join(p.Steps, "\n")))
	return hex.EncodeToString(sum[:6])
}

// Observation is what a backend says of one host right now.
type Observation struct {
	// State is whether the host takes traffic: in as soon as one of several
	// load balancers sends it any.
	State ServiceState `json:"state"`
	// Admin is the backend's administrative word for it, such as "ready",
	// "drain" or "maint": what an undo restores. Where load balancers differ
	// it names each: "drain on /run/a.sock, ready on /run/b.sock".
	Admin string `json:"admin,omitempty"`
	// AsWanted reports whether the host is in the state the action wants.
	// Of several load balancers all have to say so. Unknown when the backend
	// could not say.
	AsWanted Fact[bool] `json:"as_wanted"`
	// Took reports whether the action has fully taken: the wanted state is there
	// and, where the action wants it gone, traffic is gone. Unknown when the
	// backend could not say.
	Took Fact[bool] `json:"took"`
	// LastChange is when the backend last changed the host's state, by the
	// backend's clock mapped onto warden's; unknown when it can't tell.
	LastChange Fact[time.Time] `json:"last_change"`
	// Sessions is the number of current sessions; Rate the sessions per
	// second. Both must be 0 for traffic to be gone.
	Sessions Fact[int64] `json:"sessions"`
	Rate     Fact[int64] `json:"rate"`
	// Balancers is what each of the backend's load balancers says, in the
	// config's order; empty where the backend doesn't tell them apart.
	Balancers []Balancer `json:"balancers,omitempty"`
	// Detail is the backend's own words, capped and free of secrets.
	Detail string `json:"detail,omitempty"`
}

// Quiet reports whether traffic is gone: sessions and rate both known and 0.
// It is unknown when either is.
func (o Observation) Quiet() Fact[bool] {
	s, sok := o.Sessions.Get()
	r, rok := o.Rate.Get()
	if !sok || !rok {
		return Unknown[bool]("the backend does not report sessions and rate for this host")
	}
	return Known(s == 0 && r == 0)
}
