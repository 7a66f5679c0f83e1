package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"warden/internal/remedy"
)

// maxPreface is the longest first line of a raft connection, in bytes.
const maxPreface = 1024

// preface is the first line of a raft connection: who calls whom, so that
// nothing reaches a node that was meant for the one that its disk was lost with.
type preface struct {
	// Cluster is the caller's cluster id; empty when it doesn't know it yet.
	Cluster string        `json:"cluster,omitempty"`
	From    remedy.NodeID `json:"from"`
	To      remedy.NodeID `json:"to"`
}

// reply is the line that answers a preface. An empty Refused is a welcome.
type reply struct {
	Refused string `json:"refused,omitempty"`
}

var errOtherNode = errors.New("another node than the one that was meant")

// writeLine sends v as one line of JSON.
func writeLine(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// readLine reads one line of JSON into v and not a byte more: what follows is
// raft's.
func readLine(r io.Reader, v any) error {
	line := make([]byte, 0, 256)
	var one [1]byte
	for len(line) < maxPreface {
		if _, err := io.ReadFull(r, one[:]); err != nil {
			return err
		}
		if one[0] == '\n' {
			return json.Unmarshal(line, v)
		}
		line = append(line, one[0])
	}
	return fmt.Errorf("the first line is longer than %d bytes", maxPreface)
}
