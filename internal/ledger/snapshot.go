package ledger

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"time"

	"warden/internal/remedy"
	"warden/internal/trust"
)

// snapshotFormat is the newest snapshot format this build writes and reads.
const snapshotFormat = 1

// A snapshot is JSON lines: a header, the records in sorted order, and a
// trailer with their number and the SHA-256 over everything before it. Every
// build reads every older format.
type snapshotHeader struct {
	Warden string `json:"warden"` // always "ledger"
	Format int    `json:"format"`
	// Needs is the highest version of any entry that led here: a build that knows
	// less can't go on from it.
	Needs     int             `json:"needs"`
	Index     uint64          `json:"index"`
	Term      uint64          `json:"term"`
	Time      time.Time       `json:"time"`
	ClusterID string          `json:"cluster_id,omitempty"`
	Chain     string          `json:"chain,omitempty"`
	LastCase  uint64          `json:"last_case"`
	LastNote  uint64          `json:"last_notice"`
	Global    uint64          `json:"global"`
	Voters    []remedy.NodeID `json:"voters,omitempty"`
	Invited   []remedy.NodeID `json:"invited,omitempty"`
	Freeze    *Freeze         `json:"freeze,omitempty"`
	// LastClaim is from version 3 on.
	LastClaim uint64 `json:"last_claim,omitempty"`
	Adopted   uint64 `json:"adopted,omitempty"`
	Tenure    tenure `json:"tenure,omitzero"`
}

// record is one line between header and trailer: exactly one field is set.
type record struct {
	Report  *NodeReport `json:"report,omitempty"`
	Waiver  *Waiver     `json:"waiver,omitempty"`
	Hold    *Hold       `json:"hold,omitempty"`
	Pool    *pool       `json:"pool,omitempty"`
	Case    *Case       `json:"case,omitempty"`
	Notice  *Notice     `json:"notice,omitempty"`
	Counter *counter    `json:"counter,omitempty"`
	// What follows is from version 3 on.
	TrustReport *TrustReport    `json:"trust_report,omitempty"`
	Latch       *Latch          `json:"latch,omitempty"`
	Reset       *Reset          `json:"breaker_reset,omitempty"`
	Evidence    *trust.Record   `json:"evidence,omitempty"`
	Runs        *trust.Runs     `json:"runs,omitempty"`
	Demotion    *trust.Demotion `json:"demotion,omitempty"`
	Grant       *trust.Grant    `json:"grant,omitempty"`
	Talk        *talk           `json:"talk,omitempty"`
	Post        *Post           `json:"post,omitempty"`
	Summary     *Summary        `json:"summary,omitempty"`
	Happening   *Happening      `json:"happening,omitempty"`
	Forgot      *forgot         `json:"forgot,omitempty"`
	Click       *clickTold      `json:"click,omitempty"`
	Trailer     *trailer        `json:"trailer,omitempty"`
}

type trailer struct {
	Records int    `json:"records"`
	SHA256  string `json:"sha256"`
}

// ErrSnapshot is returned, wrapped, for a snapshot that can't be used.
var ErrSnapshot = errors.New("the ledger snapshot can't be read")

// snapshot is a consistent copy that is written while Apply goes on: cases are
// never changed in place, everything else is copied.
type snapshot struct{ m machine }

// Snapshot captures the present state. It returns at once; writing it out may
// run beside Apply.
func (l *Ledger) Snapshot() (io.WriterTo, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return &snapshot{m: l.m.clone()}, nil
}

// clone copies everything that Apply changes in place.
func (m *machine) clone() machine {
	n := *m
	n.voters, n.invited = slices.Clone(m.voters), slices.Clone(m.invited)
	n.reports, n.waivers = slices.Clone(m.reports), slices.Clone(m.waivers)
	n.holds = slices.Clone(m.holds)
	n.cases = m.cases.clone()
	n.notices = slices.Clone(m.notices)
	n.counters = slices.Clone(m.counters)
	n.trustReports = slices.Clone(m.trustReports)
	n.latches, n.resets = slices.Clone(m.latches), slices.Clone(m.resets)
	n.records, n.runs = slices.Clone(m.records), slices.Clone(m.runs)
	n.demotions, n.grants = slices.Clone(m.demotions), slices.Clone(m.grants)
	n.posts, n.summaries, n.happenings = slices.Clone(m.posts), slices.Clone(m.summaries), slices.Clone(m.happenings)
	n.clicks = slices.Clone(m.clicks)
	n.pools = make([]*pool, len(m.pools))
	for i, p := range m.pools {
		q := *p
		q.Size.Sizes = slices.Clone(p.Size.Sizes)
		q.Out, q.Starts, q.Quiets = slices.Clone(p.Out), slices.Clone(p.Starts), slices.Clone(p.Quiets)
		q.Storms, q.Told, q.Open = slices.Clone(p.Storms), slices.Clone(p.Told), slices.Clone(p.Open)
		q.Hands, q.Words = slices.Clone(p.Hands), slices.Clone(p.Words)
		n.pools[i] = &q
	}
	return n
}

// lineWriter writes JSON lines and hashes them.
type lineWriter struct {
	w       *bufio.Writer
	sum     hash.Hash
	n       int64
	records int
	err     error
}

func (l *lineWriter) line(v any) {
	if l.err != nil {
		return
	}
	b, err := json.Marshal(v)
	if err != nil {
		l.err = err
		return
	}
	b = append(b, '\n')
	l.sum.Write(b)
	n, err := l.w.Write(b)
	l.n += int64(n)
	l.err = err
}

func (l *lineWriter) record(r record) {
	l.records++
	l.line(r)
}

// WriteTo writes the snapshot.
func (s *snapshot) WriteTo(w io.Writer) (int64, error) {
	m := &s.m
	l := &lineWriter{w: bufio.NewWriterSize(w, 1<<16), sum: sha256.New()}
	l.line(snapshotHeader{
		Warden: "ledger", Format: snapshotFormat, Needs: m.needs, Index: m.index, Term: m.term, Time: m.time, ClusterID: m.clusterID,
		Chain: m.chain, LastCase: uint64(m.lastCase), LastNote: m.lastNotice, Global: m.global, Voters: m.voters, Invited: m.invited, Freeze: m.freeze,
		LastClaim: m.lastClaim, Adopted: m.adopted, Tenure: m.tenure,
	})
	for i := range m.reports {
		l.record(record{Report: &m.reports[i]})
	}
	for i := range m.waivers {
		l.record(record{Waiver: &m.waivers[i]})
	}
	for i := range m.holds {
		l.record(record{Hold: &m.holds[i]})
	}
	for _, p := range m.pools {
		l.record(record{Pool: p})
	}
	for c := range m.cases.all() {
		l.record(record{Case: c})
	}
	for i := range m.notices {
		l.record(record{Notice: &m.notices[i]})
	}
	for i := range m.counters {
		l.record(record{Counter: &m.counters[i]})
	}
	for i := range m.trustReports {
		l.record(record{TrustReport: &m.trustReports[i]})
	}
	for i := range m.latches {
		l.record(record{Latch: &m.latches[i]})
	}
	for i := range m.resets {
		l.record(record{Reset: &m.resets[i]})
	}
	m.writeTrust(l)
	m.writeTalk(l)
	l.line(record{Trailer: &trailer{Records: l.records, SHA256: hex.EncodeToString(l.sum.Sum(nil))}})
	if l.err == nil {
		l.err = l.w.Flush()
	}
	if l.err != nil {
		return l.n, fmt.Errorf("write ledger snapshot: %w; check the disk", l.err)
	}
	return l.n, nil
}

// Restore replaces the whole state by a snapshot's. On an error the state is
// as it was before.
func (l *Ledger) Restore(r io.Reader) error {
	m, err := readSnapshot(r)
	if err != nil {
		return fmt.Errorf("%w: %w; restore another snapshot, or the version of warden that wrote it", ErrSnapshot, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.m = m
	return nil
}

func readSnapshot(r io.Reader) (*machine, error) {
	br, sum := bufio.NewReaderSize(r, 1<<16), sha256.New()
	head, err := br.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	var h snapshotHeader
	if err := json.Unmarshal(head, &h); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if h.Warden != "ledger" || h.Format < 1 || h.Format > snapshotFormat {
		return nil, fmt.Errorf("format %d of %q is not one this build reads (up to %d)", h.Format, h.Warden, snapshotFormat)
	}
	if h.Needs > Version {
		return nil, fmt.Errorf("it holds entries of version %d and this build knows up to %d: install the newest warden that any node has run", h.Needs, Version)
	}
	if err := strict(head, &h); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	sum.Write(head)
	m := &machine{
		index: h.Index, term: h.Term, needs: h.Needs, time: h.Time, clusterID: h.ClusterID, chain: h.Chain, lastCase: remedy.CaseID(h.LastCase),
		lastNotice: h.LastNote, global: h.Global, voters: h.Voters, invited: h.Invited, freeze: h.Freeze, lastClaim: h.LastClaim, adopted: h.Adopted, tenure: h.Tenure,
	}
	lines := newLineDecoder()
	for n := 0; ; n++ {
		line, err := br.ReadBytes('\n')
		if err != nil {
			return nil, fmt.Errorf("record %d: %w: the file is cut off", n, err)
		}
		var rec record
		if err := lines.decode(line, &rec); err != nil {
			return nil, fmt.Errorf("record %d: %w", n, err)
		}
		if rec.Trailer != nil {
			// The trailer's own bytes are in no hash, so they must be the very
			// ones that WriteTo writes.
			want, err := json.Marshal(record{Trailer: &trailer{Records: n, SHA256: hex.EncodeToString(sum.Sum(nil))}})
			if err != nil || !bytes.Equal(line, append(want, '\n')) {
				return nil, errors.New("the hash doesn't fit: the file is damaged")
			}
			if _, err := br.ReadByte(); !errors.Is(err, io.EOF) {
				return nil, errors.New("there is something behind the trailer: the file is damaged")
			}
			if err := m.check(); err != nil {
				return nil, err
			}
			m.recount()
			return m, nil
		}
		sum.Write(line)
		if err := m.add(rec); err != nil {
			return nil, fmt.Errorf("record %d: %w", n, err)
		}
	}
}

// lineDecoder is strict for one line after the other, with one decoder and so
// one buffer for all of them.
type lineDecoder struct {
	d    *json.Decoder
	rest []byte // of the line, not read yet
}

func newLineDecoder() *lineDecoder {
	l := &lineDecoder{}
	l.d = json.NewDecoder(l)
	l.d.DisallowUnknownFields()
	return l
}

// Read hands the decoder the present line, and nothing behind it.
func (l *lineDecoder) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// decode reads the one value of a line. After an error it must not be called
// again.
func (l *lineDecoder) decode(line []byte, into any) error {
	l.rest = line
	if err := l.d.Decode(into); err != nil {
		return err
	}
	behind, err := io.ReadAll(l.d.Buffered())
	if err != nil || len(bytes.TrimSpace(behind)) > 0 || len(bytes.TrimSpace(l.rest)) > 0 {
		return errors.New("there is something behind it")
	}
	return nil
}

// add takes in one record.
func (m *machine) add(r record) error {
	set := 0
	if r.Report != nil {
		m.reports = append(m.reports, *r.Report)
		set++
	}
	if r.Waiver != nil {
		m.waivers = append(m.waivers, *r.Waiver)
		set++
	}
	if r.Hold != nil {
		m.holds = append(m.holds, *r.Hold)
		set++
	}
	if r.Pool != nil {
		m.pools = append(m.pools, r.Pool)
		set++
	}
	if r.Case != nil {
		m.cases.fill(r.Case)
		set++
	}
	if r.Notice != nil {
		m.notices = append(m.notices, *r.Notice)
		set++
	}
	if r.Counter != nil {
		m.counters = append(m.counters, *r.Counter)
		set++
	}
	if r.TrustReport != nil {
		m.trustReports = append(m.trustReports, *r.TrustReport)
		set++
	}
	if r.Latch != nil {
		m.latches = append(m.latches, *r.Latch)
		set++
	}
	if r.Reset != nil {
		m.resets = append(m.resets, *r.Reset)
		set++
	}
	set += m.addTrust(r) + m.addTalk(r)
	if set != 1 {
		return fmt.Errorf("it holds %d records", set)
	}
	return nil
}

// Hash is the SHA-256 of the whole state, as a snapshot of it would have:
// nodes at one index have one hash.
func (l *Ledger) Hash() (string, error) {
	s, err := l.Snapshot()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	if _, err := s.WriteTo(sum); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
