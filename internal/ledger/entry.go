package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"warden/internal/remedy"
)

// MaxGap is how far committed time may step forward in one entry. A larger
// step, as after an idle night or a clock that jumped, must be accepted first
// by an entry that holds a ClockAccept alone.
const MaxGap = time.Hour

// Entry is one record of the raft log: operations that are applied in order at
// one committed instant. An operation that is refused does not stop the ones
// behind it.
type Entry struct {
	// V is the oldest version that can read the entry: the highest of those that
	// its operations came with.
	V  int       `json:"v"`
	At time.Time `json:"at"`
	// By is who asked: a person, or warden itself.
	By remedy.Actor `json:"by"`
	// Node is the node that proposed the entry.
	Node remedy.NodeID `json:"node,omitempty"`
	Ops  []Op          `json:"ops"`
}

// Op is one operation in its envelope. Kinds are append-only words; fields of
// a body are added, never renamed or removed.
type Op struct {
	Kind string          `json:"kind"`
	Body json.RawMessage `json:"body"`
}

// Body is an operation's payload: one of the types in ops_*.go.
type Body interface {
	kind() string
	apply(m *machine, x step) Result
}

// NewEntry makes an entry of the given operations. The instant is cut to
// milliseconds in UTC, so that every node stores the same.
func NewEntry(at time.Time, by remedy.Actor, node remedy.NodeID, bodies ...Body) (Entry, error) {
	e := Entry{V: 1, At: stamp(at), By: by, Node: node, Ops: make([]Op, 0, len(bodies))}
	if len(by.Keys) > 0 {
		e.V = 3 // an older build would not know the field
	}
	for _, b := range bodies {
		raw, err := json.Marshal(b)
		if err != nil {
			return Entry{}, fmt.Errorf("encode %s: %w; this is a bug, please report it", b.kind(), err)
		}
		e.V = max(e.V, since(b))
		e.Ops = append(e.Ops, Op{Kind: b.kind(), Body: raw})
	}
	return e, nil
}

// Encode is the entry as it stands in the raft log. It reads back what it
// wrote: an entry that no node can read would stop them all for good, so it
// must not get there.
func (e Entry) Encode() ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode entry: %w; this is a bug, please report it", err)
	}
	if _, _, err := DecodeEntry(b); err != nil {
		return nil, fmt.Errorf("encode entry: it could not be read back: %w; this is a bug, please report it", err)
	}
	return b, nil
}

// DecodeEntry reads an entry and its bodies. It refuses newer versions, kinds
// it does not know and fields it does not know, because an entry that is only
// half understood must not be applied.
func DecodeEntry(data []byte) (Entry, []Body, error) {
	var e Entry
	if err := strict(data, &e); err != nil {
		return Entry{}, nil, fmt.Errorf("ledger entry can't be read: %w", err)
	}
	if e.V > Version || e.V < 1 {
		return Entry{}, nil, fmt.Errorf("ledger entry has version %d and this build knows up to %d: install the version of warden that wrote it", e.V, Version)
	}
	bodies := make([]Body, len(e.Ops))
	for i, op := range e.Ops {
		b := newBody(op.Kind)
		if b == nil {
			return Entry{}, nil, fmt.Errorf("ledger entry holds operation %q, which this build doesn't know: install the version of warden that wrote it", op.Kind)
		}
		if err := strict(op.Body, b); err != nil {
			return Entry{}, nil, fmt.Errorf("ledger operation %s can't be read: %w", op.Kind, err)
		}
		if since(b) > e.V {
			return Entry{}, nil, fmt.Errorf("ledger operation %s needs version %d and its entry says %d; this is a bug, please report it", op.Kind, since(b), e.V)
		}
		bodies[i] = b
	}
	return e, bodies, nil
}

// newBody returns an empty body of the kind, or nil for a kind nobody knows.
func newBody(kind string) Body {
	switch kind {
	case (*ClusterInit)(nil).kind():
		return new(ClusterInit)
	case (*VoterAdd)(nil).kind():
		return new(VoterAdd)
	case (*VoterRemove)(nil).kind():
		return new(VoterRemove)
	case (*NodeReport)(nil).kind():
		return new(NodeReport)
	case (*ClockAccept)(nil).kind():
		return new(ClockAccept)
	case (*PoolSize)(nil).kind():
		return new(PoolSize)
	case (*PoolAccept)(nil).kind():
		return new(PoolAccept)
	case (*PoolOut)(nil).kind():
		return new(PoolOut)
	case (*HostGood)(nil).kind():
		return new(HostGood)
	case (*Storm)(nil).kind():
		return new(Storm)
	case (*StormReset)(nil).kind():
		return new(StormReset)
	case (*FreezeSet)(nil).kind():
		return new(FreezeSet)
	case (*FreezeLift)(nil).kind():
		return new(FreezeLift)
	case (*HoldSet)(nil).kind():
		return new(HoldSet)
	case (*HoldRelease)(nil).kind():
		return new(HoldRelease)
	case (*RestraintExpire)(nil).kind():
		return new(RestraintExpire)
	case (*CaseJudge)(nil).kind():
		return new(CaseJudge)
	case (*CaseAnswer)(nil).kind():
		return new(CaseAnswer)
	case (*CaseCancel)(nil).kind():
		return new(CaseCancel)
	case (*CaseForgot)(nil).kind():
		return new(CaseForgot)
	case (*CaseSpare)(nil).kind():
		return new(CaseSpare)
	case (*CaseExpire)(nil).kind():
		return new(CaseExpire)
	case (*CaseClose)(nil).kind():
		return new(CaseClose)
	case (*CasesForget)(nil).kind():
		return new(CasesForget)
	case (*ManualOpen)(nil).kind():
		return new(ManualOpen)
	case (*ShadowEnd)(nil).kind():
		return new(ShadowEnd)
	case (*ExecStart)(nil).kind():
		return new(ExecStart)
	case (*ExecFinish)(nil).kind():
		return new(ExecFinish)
	case (*ExecVerdict)(nil).kind():
		return new(ExecVerdict)
	case (*ExecHelped)(nil).kind():
		return new(ExecHelped)
	case (*Resolve)(nil).kind():
		return new(Resolve)
	case (*NoticeReceipt)(nil).kind():
		return new(NoticeReceipt)
	case (*NoticeAdd)(nil).kind():
		return new(NoticeAdd)
	}
	return newBodySince2(kind)
}

// strict reads one JSON value, and refuses fields it doesn't know, null, and
// anything behind the value.
func strict(data []byte, into any) error {
	if string(bytes.TrimSpace(data)) == "null" {
		return errors.New("it is null")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something behind it")
	}
	return nil
}

// stamp cuts an instant to what the ledger stores: milliseconds in UTC, within
// the years that JSON can spell, so that every state can be written down.
func stamp(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	lowest := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	highest := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).UnixMilli()
	return time.UnixMilli(min(max(t.UnixMilli(), lowest), highest)).UTC()
}

// after is the instant a span after another, as the ledger stores it.
func after(t time.Time, d time.Duration) time.Time { return stamp(t.Add(d)) }

// Result answers one operation.
type Result struct {
	// OK reports that the operation took effect, or had already.
	OK bool `json:"ok"`
	// Code says why not, in one of the Refused* words; empty when OK.
	Code string `json:"code,omitempty"`
	// Reason says it for people, ending in what to do.
	Reason string `json:"reason,omitempty"`
	// Case is the case the operation was about or opened.
	Case remedy.CaseID `json:"case,omitempty"`
	// Also says for people what the ledger did because of it, beyond what it says
	// itself: a level that was lowered, a breaker that latched. Mostly empty.
	Also string `json:"also,omitempty"`
}

// The codes of refusals. They are stable: the API and tests rely on them.
const (
	RefusedBasis      = "basis"      // the world moved since the decision: decide again
	RefusedLock       = "lock"       // another execution holds the host
	RefusedSlot       = "slot"       // no concurrency slot free in the pool
	RefusedLimit      = "limit"      // the pool's floor or out-slots
	RefusedFrozen     = "frozen"     // frozen
	RefusedHeld       = "held"       // the host or pool is held
	RefusedLevel      = "level"      // the effective level does not allow it
	RefusedApproval   = "approval"   // no fitting approval
	RefusedStage      = "stage"      // the case is in another stage
	RefusedExpired    = "expired"    // too late
	RefusedPace       = "pace"       // done too short a time ago
	RefusedSuperseded = "superseded" // it was said to an earlier question of the case
	RefusedUnread     = "unread"     // somebody said wrong, and who says yes has not read it
	RefusedDecided    = "decided"    // somebody else answered first
	RefusedPerson     = "person"     // this person may not
	RefusedNoCase     = "no_case"    // no such case
	RefusedNothing    = "nothing"    // there is nothing to lift, release or accept
	RefusedVersion    = "version"    // a voter's build is too old for it
	RefusedClock      = "clock_gap"  // committed time would step further than MaxGap
	RefusedVerdict    = "verdict"    // the newest committed verdict is not bad: nothing acts on it
	RefusedLatched    = "latched"    // the breaker is latched, or was reset since
	RefusedBad        = "bad"        // the operation makes no sense
)

// Applied is what Apply returns for one entry.
type Applied struct {
	Term    uint64   `json:"term"`
	Index   uint64   `json:"index"`
	Results []Result `json:"results"`
}

// Token is the fencing token of a START that stood alone in this entry.
func (a Applied) Token() remedy.Token { return remedy.Token{Term: a.Term, Index: a.Index} }

func done(id remedy.CaseID) Result { return Result{OK: true, Case: id} }

func refuse(code, format string, args ...any) Result {
	return Result{Code: code, Reason: fmt.Sprintf(format, args...)}
}

// timeLayout is how refusals word an instant.
const timeLayout = "2006-01-02 15:04:05Z07:00"
