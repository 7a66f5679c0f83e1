package remedy

import "slices"

// ServiceState says whether a host takes traffic, by what the load balancer,
// or the inventory, says of it. The zero value is unknown.
type ServiceState uint8

// The service states.
const (
	ServiceUnknown ServiceState = iota // nobody could say
	ServiceIn                          // takes traffic
	ServiceOut                         // drained, in maintenance or down
)

var serviceWords = [...]string{"unknown", "in", "out"}

// String is the state's word.
func (s ServiceState) String() string {
	if int(s) < len(serviceWords) {
		return serviceWords[s]
	}
	return "unknown"
}

// MarshalText implements encoding.TextMarshaler.
func (s ServiceState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; a word it doesn't know is
// read as unknown.
func (s *ServiceState) UnmarshalText(b []byte) error {
	*s = ServiceState(max(0, slices.Index(serviceWords[:], string(b))))
	return nil
}

// HostView is one host as a detector sees it.
type HostView struct {
	Name  HostName     `json:"name"`
	State ServiceState `json:"state"`
	// ShadowOut marks a host that a shadow execution holds out: it is judged
	// as usual, but counts neither as a peer nor as another stopped host, as
	// it would not if the action had been real.
	ShadowOut bool `json:"shadow_out,omitempty"`
}

// PoolView is one pool as a detector sees it: the inventory's hosts, sorted by
// name, with what is known of their service state. The slice belongs to the
// maker of the view and must not be changed.
type PoolView struct {
	Name  PoolName   `json:"name"`
	Hosts []HostView `json:"hosts"`
	// Roster is the same hosts as a list that lasts as long as the inventory
	// says the same. It may be nil; then Listed makes one.
	Roster *Roster `json:"-"`
}

// Listed is the view's roster.
func (p PoolView) Listed() *Roster {
	if p.Roster != nil {
		return p.Roster
	}
	names := make([]HostName, len(p.Hosts))
	for i, h := range p.Hosts {
		names[i] = h.Name
	}
	return NewRoster(names)
}

// N is the pool's size: the inventory's, never the metrics'.
func (p PoolView) N() int { return len(p.Hosts) }
