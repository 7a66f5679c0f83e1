package peer

import (
	"errors"
	"fmt"
	"reflect"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// allowed reads an entry that a node wants the leader to commit, and returns
// its operations if they are what a node may say for itself. Everything else is
// refused, so that a node which lost its way, or runs something newer, gets
// nothing into the log that only a leader decides. The entry's instant is not
// used: the leader stamps what it commits.
func allowed(data []byte, from remedy.NodeID) ([]ledger.Body, error) {
	e, bodies, err := ledger.DecodeEntry(data)
	switch {
	case err != nil:
		return nil, err
	case from == "" || e.Node != from:
		return nil, fmt.Errorf("the entry is of node %q and came from %q: a node speaks for itself only", e.Node, from)
	case !reflect.DeepEqual(e.By, remedy.Warden()):
		return nil, fmt.Errorf("the entry is by %q: what a person asks for is forwarded, not relayed", e.By.Name)
	case len(bodies) == 0 || len(bodies) > maxOps:
		return nil, fmt.Errorf("the entry has %d operations, and 1 to %d may be relayed", len(bodies), maxOps)
	}
	for i, b := range bodies {
		if err := allowedBody(b, from); err != nil {
			return nil, fmt.Errorf("operation %s can't be relayed: %w", e.Ops[i].Kind, err)
		}
	}
	return bodies, nil
}

func allowedBody(b ledger.Body, from remedy.NodeID) error {
	switch b := b.(type) {
	case *ledger.NodeReport:
		if b.Node != from {
			return fmt.Errorf("it reports the config of %s and came from %s", b.Node, from)
		}
	case *ledger.TrustReport:
		if b.Node != from {
			return fmt.Errorf("it reports the rules of %s and came from %s", b.Node, from)
		}
	case *ledger.ExecFinish:
		if b.Case == 0 || b.Token == (remedy.Token{}) {
			return errors.New("it names no execution")
		}
	case *ledger.FreezeSet:
		if !b.Until.IsZero() || b.Reason == "" || len(b.Reason) > maxReason {
			return errors.New("a freeze file's freeze has a reason and no end")
		}
	case *ledger.NoticeAdd:
		if b.Kind != ledger.NoticeConfig || b.Pool != "" || b.Case != 0 || b.Page || b.Detail == "" || len(b.Detail) > maxDetail {
			return errors.New("only what a reload changed may be told")
		}
	case *ledger.ClicksRefused: // the ledger bounds what it says, and how often
	default:
		return errors.New("only the leader decides on it")
	}
	return nil
}
