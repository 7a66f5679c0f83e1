package engine

import (
	"bytes"
	"io"
	"sync"

	"warden/internal/clock"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Arrivals is a ledger that notes when this node learnt of each execution that
// has not ended: when it applied its START, or a snapshot that holds it. Either
// is after this process began. It stands between the cluster and the ledger, so
// that the ledger itself needs no clock.
type Arrivals struct {
	*ledger.Ledger
	clock clock.Clock

	mu sync.Mutex
	at map[remedy.Token]Arrival
}

// Arrival is when and how a node learnt of an execution.
type Arrival struct {
	At clock.Reading
	// Live says that its START was applied here as an entry of the log, and did
	// not come with a snapshot.
	Live bool
}

// NewArrivals returns the ledger as the cluster is to be given it. Nobody else
// may apply anything to l.
func NewArrivals(l *ledger.Ledger, c clock.Clock) *Arrivals {
	return &Arrivals{Ledger: l, clock: c, at: map[remedy.Token]Arrival{}}
}

// startKind is in every entry that holds a START.
var startKind = []byte(`"exec.start"`)

// Apply implements the cluster's machine.
func (a *Arrivals) Apply(index, term uint64, data []byte) any {
	out := a.Ledger.Apply(index, term, data)
	if bytes.Contains(data, startKind) {
		a.note(true)
	}
	return out
}

// Restore implements the cluster's machine.
func (a *Arrivals) Restore(r io.Reader) error {
	if err := a.Ledger.Restore(r); err != nil {
		return err
	}
	a.note(false)
	return nil
}

// note notes the executions that are new, and forgets those that have ended.
func (a *Arrivals) note(live bool) {
	now := Arrival{At: a.clock.Read(), Live: live}
	at := map[remedy.Token]Arrival{}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.Cases(ledger.CaseFilter{Open: true, Stage: remedy.StageExecuting}) {
		token := c.Execution().Token
		if known, ok := a.at[token]; ok {
			at[token] = known
		} else {
			at[token] = now
		}
	}
	a.at = at
}

// Arrived is when this node learnt of an execution that has not ended; false for
// any other.
func (a *Arrivals) Arrived(t remedy.Token) (Arrival, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, ok := a.at[t]
	return at, ok
}
