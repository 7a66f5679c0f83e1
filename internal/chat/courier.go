package chat

import (
	"context"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Courier brings notices to one surface, such as Slack. Its methods are called
// from one goroutine, on the leader only, and never with a lock of the engine
// held: it may take as long as its context lets it.
type Courier interface {
	// Surface is which one it is; the same as long as the Courier lives.
	Surface() ledger.Surface
	// Deliver brings what is owed, as it stands now. What got through is in the
	// Delivery, also where it returns an error too; what isn't in there is owed
	// still, and is given again after Delivery.Wait or, without one, a while that
	// grows. Delivering the same twice must be harmless as far as the surface
	// allows, since a receipt can be lost.
	Deliver(ctx context.Context, owed Owed) (Delivery, error)
}

// Owed is what one surface has not been told yet.
type Owed struct {
	// Messages are the notices that are owed, oldest first, each with its records
	// as they are now. Several may be about one case: people want its last state.
	// It may be empty, where only what was said before may have to be said anew.
	Messages []Message
	// Changed are the open cases, and those that closed lately, which have a post on
	// this surface: a Courier that edits its messages compares what they say.
	Changed []*ledger.Case
	// Post finds what was posted under a key; false where nothing was.
	Post func(key string) (ledger.Post, bool)
	// Posts are all receipts of this surface, by key.
	Posts []ledger.Post
	// About is a case as it is now, in a message without a notice; false where the
	// case is gone. Nil where nobody can say.
	About func(id remedy.CaseID) (Message, bool)
	// Morning is what the summary of a date (of an extra one, its instant) says as it
	// is now; nil where that is not known any more. Nil where nobody can say.
	Morning func(date string) *Morning
	// Now is the time, never before what is committed. It goes on where nothing is
	// committed for hours.
	Now time.Time
}

// Delivery is what a Courier got through.
type Delivery struct {
	// Seqs are the numbers of the notices that were told, or that need no telling
	// on this surface.
	Seqs []uint64
	// Posts are the receipts of what was posted, edited or taken down, each with
	// its Key; the engine fills in the rest (Surface, At).
	Posts []ledger.Post
	// Wait is how long the surface asked to be left alone (Retry-After); 0 for not.
	Wait time.Duration

	// What follows is for counting alone: see Deliveries. Sent is how many messages,
	// notes, events and edits got there, and Refused how many the surface called
	// wrong for good without an error that says so.
	Sent, Refused int
	// Troubled is how many of the others were in trouble while some got there, where
	// the error doesn't say so.
	Troubled int
	// Of Seqs, Merged were told by the message of another notice, Unwanted are not
	// told on this surface, and Dropped are given up.
	Merged, Unwanted, Dropped int
}
