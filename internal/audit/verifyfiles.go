package audit

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// gathered is a file that is to be verified.
type gathered struct {
	name    string
	current bool
	head    *FileHead // nil when it can't be read, or is not what was written
	seq     uint64
}

// gather finds the files in the order in which they were written, and leaves
// out those that are not this node's.
func (v *verifier) gather() ([]gathered, error) {
	full, err := v.names.list()
	if err != nil {
		return nil, err
	}
	var all []gathered
	for _, f := range full {
		all = append(all, gathered{name: f.name, seq: f.seq})
	}
	if _, err := os.Lstat(v.names.path(v.names.current())); err == nil {
		all = append(all, gathered{name: v.names.current(), current: true})
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look for the audit files: %w", err)
	}
	highest := uint64(0)
	for i := range all {
		g := &all[i]
		// A first line that was changed says nothing of where its file belongs: that is
		// what its name says then.
		if head, sound, err := readFirst(v.names.path(g.name)); err == nil && sound {
			g.head = head
			if !g.current && v.names.full(head.Seq, head.First) != g.name {
				v.found(Finding{Kind: FoundRenamed, Damage: true, File: g.name, Text: "by its first line it is " + v.names.full(head.Seq, head.First)})
			}
			g.seq = head.Seq
		} else if g.current {
			g.seq = highest + 1
		}
		highest = max(highest, g.seq)
	}
	v.expect(all)
	slices.SortStableFunc(all, func(a, b gathered) int { return cmp.Compare(a.seq, b.seq) })
	var out []gathered
	for _, g := range all {
		switch {
		case g.head != nil && v.foreign(g):
			v.found(Finding{Kind: FoundForeign, Damage: true, File: g.name,
				Text: fmt.Sprintf("it is of node %s in cluster %s, and the others are of %s in %s", g.head.Node, g.head.Cluster, v.node, v.cluster)})
		case len(out) > 0 && g.head != nil && out[len(out)-1].head != nil && g.head.Seq == out[len(out)-1].head.Seq:
			v.found(Finding{Kind: FoundDuplicated, Damage: true, File: g.name, Text: "it has the same number as " + out[len(out)-1].name})
		default:
			out = append(out, g)
		}
	}
	v.aside()
	return out, nil
}

// expect finds whose files they are: the note's, else the newest file's that
// can be read.
func (v *verifier) expect(all []gathered) {
	if v.note != nil {
		v.node, v.cluster = string(v.note.Node), v.note.Cluster
	}
	for _, g := range slices.Backward(all) {
		if v.node == "" && g.head != nil {
			v.node, v.cluster = string(g.head.Node), g.head.Cluster
		}
	}
	v.report.Node, v.report.Cluster = v.node, v.cluster
}

// foreign reports whether a file is another node's. A cluster may have got
// another id since, by a recovery, and a node one too: then the file has a gap
// that says so, or is named by the file behind it, and is not foreign.
func (v *verifier) foreign(g gathered) bool {
	h := *g.head
	other := string(h.Node) != v.node || (h.Cluster != "" && v.cluster != "" && h.Cluster != v.cluster)
	if !other {
		return false
	}
	if s, err := scanFile(v.names.path(g.name)); err == nil && string(h.Node) == v.node && s.cluster == v.cluster {
		return false
	}
	full, err := v.names.list()
	if err != nil {
		return true
	}
	name := v.names.full(h.Seq, h.First)
	names := []string{v.names.current()}
	for _, f := range full {
		names = append(names, f.name)
	}
	for _, n := range names {
		if head, err := readHead(v.names.path(n)); err == nil && head.Prev != nil && head.Prev.File == name && n != name {
			return false
		}
	}
	return true
}

// aside names what warden moved away.
func (v *verifier) aside() {
	entries, err := os.ReadDir(v.names.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), v.names.current()+".damaged-") {
			v.found(Finding{Kind: FoundSetAside, File: e.Name(), Text: "warden could not go on with this file and moved it away: look at what is in it"})
		}
	}
}

// header looks at the first line of a file.
func (v *verifier) header(l *Line, body []byte, g gathered) {
	h := l.File
	v.suspect = suspect{}
	if h.Format > Format {
		v.damaged(FoundGarbage, 0, "its format is %d and this build knows up to %d: use the newest warden", h.Format, Format)
	}
	if sumOf(h.before(), body) != l.Sum {
		v.found(Finding{Kind: FoundEdited, Damage: true, Field: "file", Text: "the first line is not what was written"})
	}
	switch {
	case h.Prev == nil && v.begun:
		v.damaged(FoundNoFile, 0, "it says that no file came before it, and %d entries did", v.report.Entries)
	case h.Prev == nil:
	case !v.begun || g.seq != v.seq+1 && v.seq > 0:
		v.wanted = append(v.wanted, wanted{end: *h.Prev, from: v.last, by: g.name, many: max(g.seq, v.seq+2) - v.seq - 1})
	case v.resync:
	case h.Prev.Head != v.last && h.Prev.Index > v.last.Index:
		from, to := v.last, h.Prev.Head
		v.found(Finding{Kind: FoundCutTail, Damage: true, File: h.Prev.File, Index: v.last.Index, From: &from, To: &to,
			Text: fmt.Sprintf("it ends at entry %d, and %s says that it ended at %d: lines at its end are gone", v.last.Index, g.name, h.Prev.Index)})
	case h.Prev.Head != v.last:
		v.found(Finding{Kind: FoundRewritten, Damage: true, Index: v.last.Index, Field: "prev",
			Text: fmt.Sprintf("it says that %s ended at entry %d with another head", h.Prev.File, h.Prev.Index)})
	case h.Prev.Sum != v.sum:
		v.found(Finding{Kind: FoundEdited, Damage: true, File: h.Prev.File, Index: v.last.Index, Field: "sum",
			Text: fmt.Sprintf("its last line is not the one that %s names", g.name)})
	}
	if h.Prev != nil {
		v.last = h.Prev.Head
		v.report.Last = v.last
	}
	v.sum, v.begun, v.resync = l.Sum, true, false
	v.look(l)
}

// gap looks at a recorded gap.
func (v *verifier) gap(l *Line, body []byte) {
	g := l.Gap
	if v.once[l.Sum] {
		v.damaged(FoundDuplicated, 0, "this recorded gap is there already")
		return
	}
	v.once[l.Sum] = true
	for i := range v.ranges {
		r := &v.ranges[i]
		if g.From == r.from && g.To.Head == r.to.Head {
			r.later[g.From.Head] = g.To.Head
			f := &v.report.Findings[r.finding-1]
			f.Kind, f.Text = FoundReordered, "a recorded gap stands behind what came after it"
			return
		}
	}
	fits := v.sumFits(l, body)
	switch {
	case g.From == v.last || v.resync || !v.begun:
		if !fits {
			v.side2(l, body, "gap")
		}
	case g.From.Index > v.last.Index:
		v.absent(g.From.Head, g.From.Index, fits)
	default:
		v.found(Finding{Kind: FoundEdited, Damage: true, Field: "gap", Text: "a recorded gap does not begin where the line before it ends"})
	}
	if g.To.Index < g.From.Index { // what anchors have is of the history that goes on
		clear(v.strange)
	}
	text := fmt.Sprintf("entries behind %d and up to %d are not in these files, as recorded: %s", g.From.Index, g.To.Index, why(g))
	from, to := g.From, g.To
	v.found(Finding{Kind: FoundGap, Index: g.To.Index, From: &from, To: &to, Text: text})
	v.advance(g.To, l.Sum)
}

// why words the reason of a gap.
func why(g *Gap) string {
	words := g.Reason
	switch g.Reason {
	case GapSnapshot:
		words = "the node's state came with a snapshot"
	case GapOverflow:
		words = "they could not be written in time"
	case GapOther:
		words = "the ledger went on from another history"
	}
	if g.Detail != "" {
		words += " (" + plain(g.Detail) + ")"
	}
	return words
}

// side looks at a line that is in no chain but that of the sums.
func (v *verifier) side(l *Line, body []byte, what string) {
	if v.once[l.Sum] {
		v.damaged(FoundDuplicated, 0, "this line is there already")
		return
	}
	v.once[l.Sum] = true
	if !v.sumFits(l, body) {
		v.side2(l, body, what)
	}
	v.sum, v.begun, v.resync = l.Sum, true, false
}

func (v *verifier) side2(l *Line, body []byte, what string) {
	n := v.found(Finding{Kind: FoundEdited, Damage: true, Field: what, Text: "the line is not what was written, or the one before it is missing"})
	v.suspect = suspect{finding: n, sum: sumOf(v.sum, body), before: v.sum, body: body, own: l.Sum}
}

// finish says what only the end shows.
func (v *verifier) finish(all []gathered) {
	for _, w := range v.wanted {
		if v.retired[w.end.File] {
			continue
		}
		from, to := w.from, w.end.Head
		text := fmt.Sprintf("%s names it as the file before, and it is not there: entries behind %d and up to %d are missing", w.by, from.Index, to.Index)
		if w.many > 1 && from.Index > 0 {
			text += fmt.Sprintf(", %d files in all", w.many)
		}
		v.found(Finding{Kind: FoundNoFile, Damage: true, File: w.end.File, From: &from, To: &to, Text: text})
	}
	for _, r := range v.ranges {
		f := &v.report.Findings[r.finding-1]
		if f.Kind != FoundReordered {
			continue
		}
		at, steps := r.from.Head, 0
		for at != r.to.Head && steps <= len(r.later) {
			at = r.later[at]
			steps++
		}
		if at != r.to.Head {
			f.Text += fmt.Sprintf(", and lines between entry %d and entry %d are missing", r.from.Index, r.to.Index)
		}
	}
	for i := range v.report.Anchors {
		if f, ok := v.strange[i]; ok {
			v.report.Anchors[i].Fits = false
			v.found(f)
		}
	}
	v.where.file, v.where.line = v.names.current(), 0
	current := len(all) > 0 && slices.ContainsFunc(all, func(g gathered) bool { return g.current })
	for _, a := range v.report.Anchors {
		switch {
		case a.Fits || a.Index <= v.last.Index:
		case !current:
			v.damaged(FoundNoFile, a.Index, "it is not there: the files end at entry %d, and %s is at %d", v.last.Index, a.Name, a.Index)
		default:
			from, to := v.last, a.Head
			v.found(Finding{Kind: FoundCutTail, Damage: true, Index: v.last.Index, From: &from, To: &to,
				Text: fmt.Sprintf("the files end at entry %d, and %s is at %d: lines at the end are gone", v.last.Index, a.Name, a.Index)})
		}
	}
	if v.note != nil && v.note.Index <= v.last.Index && !v.noted && v.note.Index >= v.report.First.Index {
		v.damaged(FoundRewritten, v.note.Index, "the line of this entry is not the one that %s names: lines up to here were changed", v.names.note())
	}
}
