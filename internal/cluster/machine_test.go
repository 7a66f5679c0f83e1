package cluster

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// listMachine is an append-only list with a running hash over positions and
// contents, so that a lost, doubled or reordered entry changes the hash.
type listMachine struct {
	mu      sync.Mutex
	state   listState
	restore int // how often Restore was called
	block   chan struct{}
}

type listState struct {
	Items []string
	Index uint64
	Hash  string
}

func (m *listMachine) Apply(index, term uint64, data []byte) any {
	m.mu.Lock()
	block := m.block
	m.mu.Unlock()
	if block != nil {
		<-block
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if bytes.HasPrefix(data, []byte("\x00")) {
		panic("undecodable command")
	}
	if index <= m.state.Index {
		panic(fmt.Sprintf("index %d after %d", index, m.state.Index))
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s|%d|%d|%s", m.state.Hash, index, term, data))
	m.state.Hash = hex.EncodeToString(sum[:])
	m.state.Index = index
	m.state.Items = append(m.state.Items, string(data))
	return len(m.state.Items)
}

func (m *listMachine) Snapshot() (io.WriterTo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	copied := m.state
	copied.Items = slices.Clone(m.state.Items)
	return listSnapshot(copied), nil
}

func (m *listMachine) Restore(r io.Reader) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.restore++
	m.state = listState{}
	if err := json.NewDecoder(r).Decode(&m.state); err != nil {
		return err
	}
	if m.state.Hash == "too new" {
		return errors.New("too new")
	}
	return nil
}

func (m *listMachine) items() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.state.Items)
}

func (m *listMachine) hash() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state.Hash
}

func (m *listMachine) restores() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.restore
}

func (m *listMachine) blockOn(ch chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.block = ch
}

type listSnapshot listState

func (s listSnapshot) WriteTo(w io.Writer) (int64, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return 0, err
	}
	n, err := w.Write(b)
	return int64(n), err
}
