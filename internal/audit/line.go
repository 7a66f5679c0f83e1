package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Format is the newest format of audit files that this build writes and reads.
const Format = 1

// The types of lines.
const (
	TypeFile    = "file"    // the first line of a file: what came before it
	TypeEntry   = "entry"   // one applied entry
	TypeGap     = "gap"     // entries that are not in the files, with both heads
	TypeRetired = "retired" // files that the retention deletes
)

// Head is a place in the chain.
type Head struct {
	// Index is the entry's index in raft's log; 0 before the first.
	Index uint64 `json:"index"`
	// Head is the chain's hash up to and with that entry; empty before the first.
	Head string `json:"head"`
}

// FileHead is the first line of a file.
type FileHead struct {
	Format int `json:"format"`
	// Cluster is the cluster's id; empty before it has one. Node is whose file
	// it is.
	Cluster string        `json:"cluster,omitempty"`
	Node    remedy.NodeID `json:"node"`
	// Seq counts the node's files from 1.
	Seq uint64 `json:"seq"`
	// First is the index of the file's first entry, or that of the head behind
	// the gap which it begins with. The file is named for both once it is full.
	First uint64 `json:"first"`
	// FirstAt is committed time at First.
	FirstAt time.Time `json:"first_at,omitzero"`
	// Prev is where the file before this one ends; nil for the very first.
	Prev *FileEnd `json:"prev,omitempty"`
}

// before is the sum that the first line's own begins with: that of the last line of
// the file before, which it names.
func (h *FileHead) before() string {
	if h.Prev == nil {
		return ""
	}
	return h.Prev.Sum
}

// FileEnd is the name and the end of a file.
type FileEnd struct {
	File string `json:"file"`
	Head
	// Sum is that of the file's last line.
	Sum string `json:"sum"`
}

// The reasons of gaps.
const (
	// GapSnapshot: the node's state came from a snapshot that reaches further
	// than what was written, as that of a node which joined.
	GapSnapshot = "snapshot"
	// GapOverflow: the disk was too slow, full or broken for too long, and the
	// queue could hold no more.
	GapOverflow = "overflow"
	// GapOther: the ledger has another history than these files, as after a
	// restore, or of another cluster.
	GapOther = "other_history"
)

// Gap says which entries are not in the files. What follows continues at To.
type Gap struct {
	From   Head   `json:"from"`
	To     Head   `json:"to"`
	Reason string `json:"reason"`
	// Cluster is the cluster's id behind the gap.
	Cluster string `json:"cluster,omitempty"`
	// Detail says more, for people.
	Detail string `json:"detail,omitempty"`
}

// Line is one line of a file. Which fields are set depends on its type. The
// flat fields of an entry repeat what is in the entry itself, for grep and jq;
// Verify holds them to it.
type Line struct {
	Type string `json:"type"`
	// Index and Term are the entry's in raft's log, which has records that are
	// no entries: the indexes of two lines may be apart by more than 1.
	Index uint64 `json:"index,omitempty"`
	Term  uint64 `json:"term,omitempty"`
	// CommittedAt is committed time after the entry, and At the proposer's own.
	CommittedAt time.Time `json:"committed_at,omitzero"`
	At          time.Time `json:"at,omitzero"`
	// Who asked, whether it was a person, and through which surface; and the
	// node that proposed it.
	Who    string        `json:"who,omitempty"`
	Person bool          `json:"person,omitempty"`
	Via    string        `json:"via,omitempty"`
	Node   remedy.NodeID `json:"node,omitempty"`
	// What has the kinds of the operations, each once, in order, with a blank
	// between; Case the cases that they name, or opened, likewise.
	What string `json:"what,omitempty"`
	Case string `json:"case,omitempty"`
	// Answer is allowed, refused or mixed, and Code the first refusal's.
	Answer string `json:"answer,omitempty"`
	Code   string `json:"code,omitempty"`
	// Reason is the first that an operation gives.
	Reason string `json:"reason,omitempty"`
	// Results answer the operations, one each.
	Results []ledger.Result `json:"results,omitempty"`
	// Entry is the entry as it stands in the log, byte by byte; EntryBase64 has
	// it where it can't stand in a line of JSON as it is.
	Entry       json.RawMessage `json:"entry,omitempty"`
	EntryBase64 []byte          `json:"entry_base64,omitempty"`
	// Prev and Head are the chain's heads before and after the entry.
	Prev string `json:"prev,omitempty"`
	Head string `json:"head,omitempty"`

	File    *FileHead `json:"file,omitempty"`
	Gap     *Gap      `json:"gap,omitempty"`
	Retired []FileEnd `json:"retired,omitempty"`

	// Sum is the SHA-256 of the sum of the line before it, in hexadecimal, and
	// of this line without its sum. In the first line of a file it goes on from
	// the end of the file before.
	Sum string `json:"-"`
}

// Record is one applied entry as the ledger gives it.
type Record struct {
	Index, Term uint64
	// Committed is committed time after the entry.
	Committed time.Time
	// Cluster is the cluster's id after the entry; empty before it has one.
	Cluster string
	// Entry is as it stands in the log.
	Entry   []byte
	Results []ledger.Result
	// Before and Head are the chain before and after the entry.
	Before Head
	Head   string
}

// The words of Line.Answer.
const (
	AnswerAllowed = "allowed"
	AnswerRefused = "refused"
	AnswerMixed   = "mixed"
)

// line makes the line of an entry. An entry that can't be read has no flat
// fields: the ledger would not have applied it.
func (r Record) line() Line {
	l := Line{
		Type: TypeEntry, Index: r.Index, Term: r.Term, CommittedAt: r.Committed.UTC(), Results: r.Results,
		Prev: r.Before.Head, Head: r.Head,
	}
	if asItIs(r.Entry) {
		l.Entry = r.Entry
	} else {
		l.EntryBase64 = r.Entry
	}
	l.flatten(r.Entry)
	return l
}

// Bytes is the entry as it stands in the log.
func (l *Line) Bytes() []byte {
	if l.EntryBase64 != nil {
		return l.EntryBase64
	}
	return l.Entry
}

// asItIs reports whether the bytes can stand in a line as they are: what
// json.Marshal would write, and nothing that a terminal would obey.
func asItIs(entry []byte) bool {
	same, err := json.Marshal(json.RawMessage(entry))
	if err != nil || !bytes.Equal(same, entry) || !utf8.Valid(entry) {
		return false
	}
	return !bytes.ContainsFunc(entry, func(r rune) bool { return r != ' ' && !unicode.IsPrint(r) })
}

// flatten fills the fields that repeat what is in the entry.
func (l *Line) flatten(entry []byte) {
	var e ledger.Entry
	if err := json.Unmarshal(entry, &e); err != nil {
		return
	}
	l.At, l.Who, l.Person, l.Via, l.Node = e.At.UTC(), plain(e.By.Name), e.By.Person, plain(e.By.Via), remedy.NodeID(plain(string(e.Node)))
	var what, cases distinct
	for _, op := range e.Ops {
		what.add(plain(op.Kind))
		var names struct {
			Case    string `json:"case"`
			Reason  string `json:"reason"`
			Comment string `json:"comment"`
			Note    string `json:"note"`
		}
		_ = json.Unmarshal(op.Body, &names) // a body without these names has none of them
		cases.add(plain(names.Case))
		for _, text := range []string{names.Reason, names.Comment, names.Note} {
			if l.Reason == "" {
				l.Reason = plain(text)
			}
		}
	}
	allowed, refused := 0, 0
	for _, r := range l.Results {
		if r.Case != 0 {
			cases.add(r.Case.String())
		}
		if r.OK {
			allowed++
			continue
		}
		refused++
		if l.Code == "" {
			l.Code = r.Code
		}
	}
	l.What, l.Case = what.String(), cases.String()
	switch {
	case refused == 0:
		l.Answer = AnswerAllowed
	case allowed == 0:
		l.Answer = AnswerRefused
	default:
		l.Answer = AnswerMixed
	}
}

// distinct are words in order, each once.
type distinct struct {
	words []string
	known map[string]bool
}

func (d *distinct) add(word string) {
	if word == "" || d.known[word] {
		return
	}
	if d.known == nil {
		d.known = map[string]bool{}
	}
	d.known[word] = true
	d.words = append(d.words, word)
}

// String joins the words with blanks.
func (d *distinct) String() string { return strings.Join(d.words, " ") }

// plain makes of text what stands in one line and moves no cursor: anything
// that doesn't print becomes a blank. The entry has the text as it is.
func plain(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) {
		return s
	}
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return r == utf8.RuneError || (r != ' ' && !unicode.IsPrint(r))
	}), " ")
}

// encode is the line as it stands in a file, with a newline, after a line with
// the given sum; and its own sum.
func (l *Line) encode(before string) (text []byte, sum string, err error) {
	body, err := l.body()
	if err != nil {
		return nil, "", err
	}
	sum = sumOf(before, body)
	body = append(body[:len(body)-1], sumKey...)
	body = append(body, sum...)
	return append(body, "\"}\n"...), sum, nil
}

// body is the line without its sum.
func (l *Line) body() ([]byte, error) {
	b, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("encode an audit line: %w; this is a bug, please report it", err)
	}
	return b, nil
}

// sumKey begins what encode adds to a line.
const sumKey = `,"sum":"`

// sumLength is how long that is, up to the end of the line.
const sumLength = len(sumKey) + 2*sha256.Size + len(`"}`)

func sumOf(before string, body []byte) string {
	h := sha256.New()
	h.Write([]byte(before))
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// errNoLine is why decode takes something for garbage.
var errNoLine = errors.New("it is not a line of an audit file")

// decode reads a line without its newline. body is what its sum was made of,
// besides the sum before it.
func decode(text []byte) (l *Line, body []byte, err error) {
	if len(text) < sumLength+2 {
		return nil, nil, errNoLine
	}
	cut := len(text) - sumLength
	end := text[cut:]
	sum := end[len(sumKey) : len(end)-2]
	if string(end[:len(sumKey)]) != sumKey || string(end[len(end)-2:]) != `"}` || !isHash(string(sum)) {
		return nil, nil, errNoLine
	}
	body = append(bytes.Clone(text[:cut]), '}')
	l = &Line{Sum: string(sum)}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(l); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errNoLine, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errNoLine
	}
	// What reads in two ways is read in one way by us and in the other by jq.
	if same, err := l.body(); err != nil || !l.whole() || !bytes.Equal(same, body) {
		return nil, nil, errNoLine
	}
	return l, body, nil
}

// whole reports whether a line has what its type says.
func (l *Line) whole() bool {
	switch l.Type {
	case TypeFile:
		return l.File != nil
	case TypeEntry:
		return l.Index > 0 && (len(l.Entry) > 0) != (len(l.EntryBase64) > 0) && isHash(l.Head)
	case TypeGap:
		return l.Gap != nil
	case TypeRetired:
		return len(l.Retired) > 0
	}
	return false
}

func isHash(s string) bool {
	if len(s) != 2*sha256.Size {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') })
}
