package remedy

import (
	"fmt"
	"strconv"
	"strings"
)

// The name types keep two strings of different meaning from being swapped.
type (
	// PoolName names a pool: interchangeable hosts behind one load balancer.
	PoolName string
	// HostName names one host as the pool's inventory spells it.
	HostName string
	// ActionName names an action such as "drain".
	ActionName string
	// DetectorName names a detector such as "canary_missing".
	DetectorName string
	// SourceName names a place to ask for series.
	SourceName string
	// NodeID is the raft server id of one warden node: its configured name
	// plus an id minted at the node's first start.
	NodeID string
)

// CaseID numbers a case. It is drawn from a counter in the ledger, starts at
// 1 and is written as "W-1042". The zero value means no case.
type CaseID uint64

// String spells the id the way people type it, such as "W-1042".
func (c CaseID) String() string { return "W-" + strconv.FormatUint(uint64(c), 10) }

// MarshalText implements encoding.TextMarshaler, so that a CaseID is "W-1042"
// in JSON as well.
func (c CaseID) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler by way of ParseCaseID.
func (c *CaseID) UnmarshalText(b []byte) error {
	id, err := ParseCaseID(string(b))
	if err != nil {
		return err
	}
	*c = id
	return nil
}

// ParseCaseID reads "W-1042", "w-1042" or "1042".
func ParseCaseID(s string) (CaseID, error) {
	digits := strings.TrimPrefix(strings.TrimPrefix(s, "W-"), "w-")
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a case id: write it as W-1042", s)
	}
	return CaseID(n), nil
}

// Token fences one execution: the raft term and index of its START entry.
// Tokens grow monotonically, so an executor can refuse an older one.
type Token struct {
	Term  uint64 `json:"term"`
	Index uint64 `json:"index"`
}

// IsZero reports whether the token was never assigned.
func (t Token) IsZero() bool { return t == Token{} }

// String spells the token as "term.index".
func (t Token) String() string { return fmt.Sprintf("%d.%d", t.Term, t.Index) }
