// Package chat tells people what warden wants, asks and did. Messages are
// views over ledger records: what a message says can always be said again.
package chat

import (
	"context"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// Announcer delivers messages to people. An error means that it may not have
// been delivered and is to be tried again. Implementations are safe for
// concurrent use.
type Announcer interface {
	Announce(ctx context.Context, m Message) error
}

// Message is one notice with the records it is about.
type Message struct {
	Notice ledger.Notice
	// Case is the case the notice is about as it is now; nil when the notice
	// is not about one. It must not be changed.
	Case *ledger.Case
	// Level is the effective level of the case's action in its pool.
	Level remedy.Level
	// ManualHint is how to act on the case's host by hand, for a case that no
	// plan could be made for; empty when nobody said.
	ManualHint string
	// Demotion is what a notice of a demotion is about, as it stands; nil when a
	// person has reviewed it meanwhile. Cause is what in the numbers points at a
	// setting, as a sentence; empty for none.
	Demotion *trust.Demotion
	Cause    string
	// Sure is how right warden has been about such cases, and how the action went,
	// in one line; empty where nobody counted.
	Sure string
	// Against is what people say against a case that waits, in a sentence without an
	// end; empty for nothing. Nothing is done before an approver has heard it. Seen is when
	// the newest of it was said: what a yes has read.
	Against string
	Seen    time.Time
	// Incident is PagerDuty's about the case's host; nil for none, and where several
	// may be.
	Incident *Incident
	// Morning is what a notice of a morning summary says; nil for other notices, and
	// where nobody can say any more what it covered.
	Morning *Morning
	// Grave says that something serious goes on, about this case or not: more hosts
	// are bad than one host's trouble, a breaker is open, or a query that says to
	// hold back fires. No message has a joke then.
	Grave bool
	// Again says that the same notice may have been delivered before: warden
	// died between the delivery and its receipt.
	Again bool
}
