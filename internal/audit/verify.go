package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"warden/internal/ledger"
)

// pathOf finds the file that a path means: the path itself, or audit.jsonl in a
// directory.
func pathOf(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return filepath.Join(path, "audit.jsonl")
	}
	return path
}

// Verify reads one node's files and says what is wrong with them. The path is
// that of the file that is written to, or of the directory which that has as
// audit.jsonl. anchors are heads that the files must have; the node's own note is
// added to them. An error is about reading: what is wrong with the files is in
// the report. fs.ErrNotExist, wrapped, means that there is nothing to verify.
func Verify(ctx context.Context, path string, anchors []Anchor) (Report, error) {
	names := layoutOf(pathOf(path))
	v := &verifier{names: names, report: Report{Path: pathOf(path), Findings: []Finding{}}, retired: map[string]bool{}, once: map[string]bool{}, strange: map[int]Finding{}}
	v.report.Anchors = append([]Anchor{}, anchors...)
	switch n, err := readNote(names); {
	case err == nil:
		v.note = &n
		v.report.Anchors = append(v.report.Anchors, Anchor{Name: names.note(), Head: n.Head, Weak: true})
	case !errors.Is(err, fs.ErrNotExist):
		v.found(Finding{Kind: FoundGarbage, Damage: true, File: names.note(), Text: "the node's own note of how far it has written can't be read"})
	}
	found, err := v.gather()
	if err != nil {
		return v.report, err
	}
	if len(found) == 0 && v.note == nil {
		return v.report, noFiles(v.report.Path)
	}
	for _, f := range found {
		if err := v.file(ctx, f); err != nil {
			return v.report, err
		}
	}
	v.finish(found)
	v.report.judge()
	return v.report, nil
}

// verifier walks over the lines of one node's files.
type verifier struct {
	names  layout
	report Report
	note   *note
	// noted says that the note's sum was met where it belongs.
	noted bool

	// where is the line that is looked at.
	where struct {
		file string
		line int
	}
	last Head
	sum  string
	// begun says that last and sum are known; resync that the next line's sum and
	// head are taken as they are, since what was before it can't be read.
	begun, resync bool
	cluster, node string
	// suspect is what the newest finding about an edit leaves open.
	suspect suspect
	ranges  []missing
	retired map[string]bool // by name
	once    map[string]bool // sums of lines that are no entries
	// unlinked are files that others name as being before them.
	wanted []wanted
	seq    uint64 // of the file before
	// strange are anchors that don't fit, by their place.
	strange map[int]Finding
}

// suspect is an edited line of which only the next can say what was changed.
type suspect struct {
	finding int    // 1 more than its place; 0 for none
	head    string // what its head is if the entry is what was written
	sum     string // what its sum is if all else is
	before  string // the sum before it
	body    []byte
	own     string // the sum as it stands
}

// missing are lines that did not come where they belong. They may come later.
type missing struct {
	finding  int
	from, to Head
	later    map[string]string // heads of lines that did come, by the one before
}

// wanted is a file that is not there, and who says that it was.
type wanted struct {
	end  FileEnd
	from Head
	by   string
	many uint64
}

func (v *verifier) found(f Finding) int {
	if f.File == "" {
		f.File, f.Line = v.where.file, v.where.line
	}
	v.report.Findings = append(v.report.Findings, f)
	return len(v.report.Findings)
}

func (v *verifier) damaged(kind string, index uint64, text string, args ...any) {
	v.found(Finding{Kind: kind, Damage: true, Index: index, Text: fmt.Sprintf(text, args...)})
}

// file walks over one file.
func (v *verifier) file(ctx context.Context, g gathered) (err error) {
	f, err := os.Open(v.names.path(g.name))
	if err != nil {
		return fmt.Errorf("read an audit file: %w", err)
	}
	defer func() {
		v.seq = g.seq // whatever its first line says
		err = errors.Join(err, f.Close())
	}()
	v.report.Files++
	v.where.file = g.name
	in := newLines(f)
	for {
		raw, err := in.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		v.where.line = raw.No
		v.raw(raw, g)
	}
}

// raw looks at one line as it stands.
func (v *verifier) raw(raw rawLine, g gathered) {
	if raw.Torn && g.current {
		v.found(Finding{Kind: FoundTorn, Text: fmt.Sprintf("the last line is not finished (%d bytes): it is being written, or warden stopped in the middle of it and mends it at its next start", len(raw.Text))})
		return
	}
	l, body, err := decode(raw.Text)
	if err != nil {
		v.damaged(FoundGarbage, 0, "this is no line that warden wrote")
		v.resync = true
		return
	}
	if raw.No == 1 && l.Type != TypeFile {
		v.damaged(FoundMissing, 0, "the first line, which says what came before this file, is missing")
		v.resync = true
	}
	switch {
	case l.Type == TypeFile && raw.No == 1:
		v.header(l, body, g)
		return
	case l.Type == TypeFile:
		v.damaged(FoundReordered, 0, "the line that belongs at the beginning of a file stands here")
		v.resync = true
		return
	case raw.Torn:
		// It can't be told from a cut: the next file's first line says more.
		v.damaged(FoundCutTail, l.Index, "the file ends without a newline")
	}
	switch l.Type {
	case TypeEntry:
		v.entry(l, body)
	case TypeGap:
		v.gap(l, body)
	case TypeRetired:
		for _, r := range l.Retired {
			v.retired[r.File] = true
		}
		v.side(l, body, "retired")
	}
	v.look(l)
}

// sumFits compares a line's sum, and settles what the line before left open.
func (v *verifier) sumFits(l *Line, body []byte) bool {
	s := v.suspect
	v.suspect = suspect{}
	switch {
	case v.resync || !v.begun:
		return true
	case sumOf(v.sum, body) == l.Sum:
		return true
	case s.finding > 0 && sumOf(s.sum, body) == l.Sum:
		v.report.Findings[s.finding-1].Field = "sum"
		v.report.Findings[s.finding-1].Text = "the line's sum was changed"
		return true
	case s.finding > 0 && s.body != nil && sumOf(s.before, body) == l.Sum && sumOf(l.Sum, s.body) == s.own:
		f := &v.report.Findings[s.finding-1]
		f.Kind, f.Field, f.Text = FoundReordered, "", "this line and the next have changed places"
		v.sum = s.own
		return true
	}
	return false
}

// entry looks at an entry's line.
func (v *verifier) entry(l *Line, body []byte) {
	s := v.suspect
	sumFits := v.sumFits(l, body)
	own := ledger.NextChain(l.Prev, l.Bytes()) == l.Head
	differ := l.differing()
	linked := v.resync || !v.begun || l.Prev == v.last.Head
	if !linked && s.finding > 0 && s.head != "" && l.Prev == s.head {
		linked = true
		f := &v.report.Findings[s.finding-1]
		f.Field, f.Text = "head", "the line's head was changed"
	}
	switch {
	case linked && !own:
		n := v.edited(l, "entry", "the entry is not the one that the chain has here")
		v.suspect = suspect{finding: n, head: ledger.NextChain(l.Prev, l.Bytes())}
	case linked && len(differ) > 0:
		v.edited(l, strings.Join(differ, ", "), "it is not what the entry of this line says")
	case linked && v.begun && !v.resync && l.Index <= v.last.Index:
		v.edited(l, "index", "it is not behind the one of the line before")
	case linked && !sumFits:
		n := v.edited(l, "index, term, committed_at, results or sum", "something beside the entry was changed, here or in the line before, or a line that is no entry is missing")
		v.suspect = suspect{finding: n, sum: sumOf(v.sum, body), before: v.sum, body: body, own: l.Sum}
	case linked:
	case !own && ledger.NextChain(v.last.Head, l.Bytes()) == l.Head:
		v.edited(l, "prev", "it is not the head of the line before")
	case !own:
		v.edited(l, "entry, prev or head", "the line fits neither itself nor the line before")
	case v.last.Index > 0 && l.Index <= v.last.Index:
		v.late(l)
		return
	default:
		v.absent(l.Prev, l.Index, sumFits)
		if len(differ) > 0 {
			v.edited(l, strings.Join(differ, ", "), "it is not what the entry of this line says")
		}
	}
	v.report.Entries++
	v.advance(Head{l.Index, l.Head}, l.Sum)
}

func (v *verifier) edited(l *Line, field, text string) int {
	return v.found(Finding{Kind: FoundEdited, Damage: true, Index: l.Index, Field: field, Text: text})
}

// absent notes that lines between the last one and one that begins at prev are
// not here.
func (v *verifier) absent(prev string, index uint64, sumFits bool) {
	from, to := v.last, Head{index, prev}
	f := Finding{Kind: FoundMissing, Damage: true, Index: index, From: &from, To: &to,
		Text: fmt.Sprintf("lines between entry %d and entry %d are missing", from.Index, index)}
	if sumFits {
		f.Kind = FoundUnrecorded
		f.Text = fmt.Sprintf("entries between %d and %d were never written, and no gap is recorded", from.Index, index)
	}
	v.ranges = append(v.ranges, missing{finding: v.found(f), from: from, to: to, later: map[string]string{}})
}

// late is for a line of which the index was passed already: it is out of order,
// or there twice.
func (v *verifier) late(l *Line) {
	for i := range v.ranges {
		r := &v.ranges[i]
		if l.Index > r.from.Index && l.Index < r.to.Index {
			r.later[l.Prev] = l.Head
			v.report.Entries++
			v.resync = false
			f := &v.report.Findings[r.finding-1]
			f.Kind = FoundReordered
			f.Text = fmt.Sprintf("entry %d stands before entries that come before it", r.to.Index)
			return
		}
	}
	v.damaged(FoundDuplicated, l.Index, "this entry is there already")
}

// advance makes a line the last one.
func (v *verifier) advance(to Head, sum string) {
	v.last, v.sum, v.begun, v.resync = to, sum, true, false
	if v.report.First.Index == 0 && to.Index > 0 {
		v.report.First = to
	}
	v.report.Last = to
	for i := range v.report.Anchors {
		a := &v.report.Anchors[i]
		if a.Index != to.Index {
			continue
		}
		if a.Fits = a.Head.Head == to.Head; a.Fits {
			delete(v.strange, i)
			continue
		}
		v.strange[i] = Finding{Kind: FoundRewritten, Damage: true, File: v.where.file, Line: v.where.line, Index: to.Index,
			Text: fmt.Sprintf("the head here is not the one that %s has: these lines are not what was applied", a.Name)}
	}
}

// look meets the node's note.
func (v *verifier) look(l *Line) {
	if v.note != nil && v.last.Index == v.note.Index && l.Sum == v.note.Sum {
		v.noted = true
	}
}

// differing are the flat fields that are not what the entry says.
func (l *Line) differing() []string {
	want := Line{Results: l.Results}
	want.flatten(l.Bytes())
	var out []string
	check := func(field string, same bool) {
		if !same {
			out = append(out, field)
		}
	}
	check("at", l.At.Equal(want.At))
	check("who", l.Who == want.Who)
	check("person", l.Person == want.Person)
	check("via", l.Via == want.Via)
	check("node", l.Node == want.Node)
	check("what", l.What == want.What)
	check("case", l.Case == want.Case)
	check("answer", l.Answer == want.Answer)
	check("code", l.Code == want.Code)
	check("reason", l.Reason == want.Reason)
	return out
}
