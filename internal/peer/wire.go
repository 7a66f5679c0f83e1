package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// The paths of the nodes' API. Prefix is before all of them.
const (
	Prefix      = "/peer/v1/"
	pathRelay   = Prefix + "relay"
	pathOpinion = Prefix + "opinion"
	pathClock   = Prefix + "clock"
	pathHash    = Prefix + "hash"
)

// The headers of the nodes' API. Only a verified peer's are believed.
const (
	// HeaderNode is the id of the node that asks, and in an answer of the node
	// that answers.
	HeaderNode = "Warden-Node"
	// HeaderWithin is for how many milliseconds the asker waits: the clocks of
	// two nodes needn't agree, so no instant is said.
	HeaderWithin = "Warden-Within"
)

// The bounds of what is sent. An entry may be as large as the log takes it.
const (
	maxEntry   = 1<<20 + 64<<10
	maxQuery   = 4 << 20
	maxSmall   = 4 << 10
	maxAnswer  = 64 << 20 // as a command's client has it
	maxHosts   = 20_000
	maxOps     = 8
	maxReason  = 1000
	maxDetail  = 128 << 10
	maxHashLen = 256
)

// errTooLong says that there was more to read than is allowed.
var errTooLong = errors.New("it is longer than it may be")

// errOther says that an answer is not from whom was asked.
var errOther = errors.New("another node answered")

// strict reads one JSON value and nothing else: no unknown field, nothing
// behind it, no more than limit bytes.
func strict(r io.Reader, limit int64, into any) error {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return err
	}
	if int64(len(data)) > limit {
		return fmt.Errorf("%w: %d bytes", errTooLong, limit)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if d.More() || d.InputOffset() < int64(len(bytes.TrimRight(data, " \t\r\n"))) {
		return errors.New("there is more than one value")
	}
	return nil
}

// outcome is how a relayed entry fared.
type outcome string

const (
	// committed: the entry is in the log, and Applied has what came of it.
	committed outcome = "committed"
	// refused: it is nothing that a node may have committed. It is in no log.
	refused outcome = "refused"
	// notLeader: the node that was asked can't commit. It is in no log.
	notLeader outcome = "not_leader"
	// busy: the log did not take it in time. It is in no log.
	busy outcome = "busy"
	// unsure: nobody knows whether it is, or will be, in the log.
	unsure outcome = "unsure"
)

// relayAnswer answers a relayed entry.
type relayAnswer struct {
	Outcome outcome         `json:"outcome"`
	Applied *ledger.Applied `json:"applied,omitempty"`
	Why     string          `json:"why,omitempty"`
}

// check refuses an answer that says nothing for the entry it answers.
func (a *relayAnswer) check(ops int) error {
	switch a.Outcome {
	case committed:
		if a.Applied == nil || len(a.Applied.Results) != ops || a.Applied.Index == 0 {
			return errors.New("the answer says committed and not what came of it")
		}
	case refused, notLeader, busy, unsure:
		if a.Applied != nil {
			return fmt.Errorf("the answer says %s and what came of it", a.Outcome)
		}
	default:
		return fmt.Errorf("the answer's outcome is %q", a.Outcome)
	}
	return nil
}

// clockAnswer is what a node's clock says.
type clockAnswer struct {
	Node remedy.NodeID `json:"node"`
	Now  time.Time     `json:"now"`
}

// hashQuery asks whether the other node's state after an entry is the asker's.
type hashQuery struct {
	Index uint64 `json:"index"`
	Hash  string `json:"hash"`
}

func (q *hashQuery) check() error {
	if q.Index == 0 || q.Hash == "" || len(q.Hash) > maxHashLen {
		return errors.New("it takes an index and a hash")
	}
	return nil
}

// Verdict is what a node says of another's state hash.
type Verdict string

// The verdicts on a state hash.
const (
	// VerdictSame: both nodes had the same state after that entry.
	VerdictSame Verdict = "same"
	// VerdictDiffers: they had not. One of them is wrong.
	VerdictDiffers Verdict = "differs"
	// VerdictUnknown: the node that was asked keeps no hash of that entry.
	VerdictUnknown Verdict = "unknown"
)

type hashAnswer struct {
	Node    remedy.NodeID `json:"node"`
	Verdict Verdict       `json:"verdict"`
}

func (a *hashAnswer) check(node remedy.NodeID) error {
	switch a.Verdict {
	case VerdictSame, VerdictDiffers, VerdictUnknown:
	default:
		return fmt.Errorf("the verdict is %q", a.Verdict)
	}
	if a.Node != node {
		return fmt.Errorf("%s answered for %s", a.Node, node)
	}
	return nil
}

// checkQuery bounds a request for an opinion.
func checkQuery(q *remedy.OpinionQuery) error {
	switch {
	case q.Pool == "" || q.Detector == "" || q.Digest == "" || q.At.IsZero():
		return errors.New("it takes a pool, a detector, its digest and an instant")
	case len(q.Hosts) == 0 || len(q.Hosts) > maxHosts:
		return fmt.Errorf("it is about %d hosts, and 1 to %d may be asked about", len(q.Hosts), maxHosts)
	}
	return nil
}

// checkOpinion refuses an opinion that is another node's, or about hosts that
// nobody asked about, or about one host twice: it must never count for more
// than it is.
func checkOpinion(o *remedy.Opinion, node remedy.NodeID, q remedy.OpinionQuery) error {
	if o.Node != node {
		return fmt.Errorf("%s answered for %s", o.Node, node)
	}
	i := 0
	for _, f := range o.Findings {
		for i < len(q.Hosts) && q.Hosts[i] != f.Host {
			i++
		}
		if i == len(q.Hosts) {
			return fmt.Errorf("the opinion is about %s, which was not asked about, or not there", f.Host)
		}
		i++
	}
	return nil
}

// within is the time that the asker waits, bounded by the server's own limit.
func within(h http.Header, limit time.Duration) time.Duration {
	ms, err := strconv.ParseInt(h.Get(HeaderWithin), 10, 64)
	if err != nil || ms <= 0 || ms > limit.Milliseconds() {
		return limit
	}
	return time.Duration(ms) * time.Millisecond
}

// setWithin says how long the caller of ctx waits.
func setWithin(ctx context.Context, h http.Header) {
	if at, ok := ctx.Deadline(); ok {
		h.Set(HeaderWithin, strconv.FormatInt(max(1, at.Sub(sockets().Now()).Milliseconds()), 10))
	}
}
