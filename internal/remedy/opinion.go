package remedy

import "time"

// OpinionQuery asks another node what a detector says of some hosts from where
// it stands: the second opinion that is wanted before warden acts by itself.
type OpinionQuery struct {
	Pool     PoolName     `json:"pool"`
	Detector DetectorName `json:"detector"`
	// Digest is the asking node's digest of the detector. A node that has
	// another one judges something else and gives no opinion.
	Digest string `json:"digest"`
	// At is the instant to judge, aligned to the detector's interval.
	At time.Time `json:"at"`
	// Hosts are asked about, in order.
	Hosts []HostName `json:"hosts"`
}

// Opinion is one node's answer to an OpinionQuery. Only a bad verdict with the
// same digest and instant is a yes: silence, another digest and unknown are no
// answer.
type Opinion struct {
	Node NodeID `json:"node"`
	// Digest is the answering node's digest of the detector; empty when it has
	// no such detector.
	Digest string `json:"digest,omitempty"`
	// Findings are about the asked hosts that the node's inventory lists, in
	// the order asked.
	Findings []Finding `json:"findings,omitempty"`
	// Why says why there is no opinion; empty when there is one.
	Why string `json:"why,omitempty"`
}

// HostOpinion is what one node said of one host.
type HostOpinion struct {
	Node NodeID `json:"node"`
	// Finding is its verdict with its numbers; nil when there is none.
	Finding *Finding `json:"finding,omitempty"`
	// Why says why there is none; empty when there is.
	Why string `json:"why,omitempty"`
}

// ClockReading is how far another node's wall clock is ahead of this one's,
// as far as the time that the answer took lets it be told.
type ClockReading struct {
	Node NodeID `json:"node"`
	// Ahead is positive when the other clock is later.
	Ahead time.Duration `json:"ahead"`
	// Error is half the time that the answer took.
	Error time.Duration `json:"error"`
}
