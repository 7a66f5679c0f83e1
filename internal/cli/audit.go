package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"warden/internal/audit"
	"warden/internal/config"
	"warden/internal/remedy"
	"warden/internal/web"
)

// SchemaAudit names the document that `audit verify -o json` writes.
const SchemaAudit = "warden.audit.verify/v1"

func (p *program) newAuditCommand() *cobra.Command {
	return group("audit", "Read, export and verify what was done, by whom", groupLook,
		p.newAuditTailCommand(), p.newAuditExportCommand(), p.newAuditVerifyCommand())
}

// auditFilter says which lines are meant.
type auditFilter struct {
	path, since, until string
	id, who, what      string
	from, to           time.Time
	// brief leaves out what every round and every notice brings.
	brief bool
}

func (f *auditFilter) flags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.path, "path", "", "the `FILE` that a node writes, or its directory (default: the agent's)")
	fs.StringVar(&f.since, "since", "", "only lines from this `TIME` on: 24h ago, or 2026-11-20T02:40:00Z")
	fs.StringVar(&f.until, "until", "", "only lines before this `TIME`")
	fs.StringVar(&f.id, "case", "", "only lines that name this `CASE`")
	fs.StringVar(&f.who, "who", "", "only lines of this `PERSON`, or of warden")
	fs.StringVar(&f.what, "what", "", "only lines with this `OPERATION`, such as case.answer or freeze.set")
}

// prepare reads what the flags say.
func (f *auditFilter) prepare(p *program) error {
	for _, t := range []struct {
		flag, text string
		to         *time.Time
	}{{"since", f.since, &f.from}, {"until", f.until, &f.to}} {
		if t.text == "" {
			continue
		}
		now := p.clock.Now()
		if d, err := config.ParseDuration(t.text); err == nil {
			*t.to = now.Add(-d.Std())
			continue
		}
		at, err := parseAt(t.text, now, p.printer.zone)
		if err != nil {
			return usage("--%s %q: write 24h, 02:40, '2026-11-20 02:40' or 2026-11-20T02:40:00Z", t.flag, t.text)
		}
		*t.to = at
	}
	if f.id != "" {
		id, err := caseArg(f.id)
		if err != nil {
			return err
		}
		f.id = id.String()
	}
	return nil
}

// match reports whether a line is meant. A gap is, whatever is asked for: what
// is asked for may be in it.
func (f *auditFilter) match(l *audit.Line) bool {
	if l.Type == audit.TypeGap {
		return true
	}
	word := func(all, one string) bool {
		for w := range strings.FieldsSeq(all) {
			if w == one {
				return true
			}
		}
		return false
	}
	switch {
	case !f.from.IsZero() && l.CommittedAt.Before(f.from):
	case !f.to.IsZero() && !l.CommittedAt.Before(f.to):
	case f.id != "" && !word(l.Case, f.id):
	case f.who != "" && l.Who != f.who:
	case f.what != "" && !word(l.What, f.what):
	case f.brief && routine(l):
	default:
		return true
	}
	return false
}

// usualAudit is where a packaged warden's files may be.
const usualAudit = "/var/log/warden/audit.jsonl"

// auditFile finds the files: those that are named, the agent's on this machine,
// or those of a packaged warden.
func (p *program) auditFile(ctx context.Context, named string) string {
	if named != "" {
		return named
	}
	if s := p.auditStatus(ctx); s != nil && s.Audit.Path != "" && !strings.Contains(p.address(), "://") {
		return s.Audit.Path
	}
	if _, err := os.Stat(usualAudit); err == nil {
		return usualAudit
	}
	return auditPath("/var/lib/warden")
}

// auditStatus asks the agent, if there is one.
func (p *program) auditStatus(ctx context.Context) *web.Status {
	client, err := p.dial()
	if err != nil {
		return nil
	}
	defer client.Close()
	s, err := read(ctx, p, client.Status)
	if err != nil {
		return nil
	}
	return s
}

// noAudit words an error of reading. how says how a command is given its files.
func noAudit(err error, how ...string) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fail(ExitNotFound, fmt.Errorf("%w: give the file, or its directory, %s", err, cmp.Or(strings.Join(how, ""), "with --path")))
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: run this as warden's user, such as `sudo -u warden warden audit verify`", err)
	}
	return err
}

func (p *program) newAuditVerifyCommand() *cobra.Command {
	var offline bool
	var dir string
	cmd := &cobra.Command{
		Use: "verify [PATH...]", Short: "Say whether audit files are whole, and what is wrong with them", Args: cobra.ArbitraryArgs,
		Example: `  warden audit verify
  warden audit verify /var/log/warden --offline
  warden --url http://other:9469 audit verify /mnt/n1/audit.jsonl
  warden audit verify n1/audit n2/audit n3/audit
  warden audit verify --data-dir /var/lib/warden
  warden audit verify /mnt/n1/audit.jsonl --data-dir /mnt/n2/warden`,
		Long: `Say whether a node's audit files are whole: no line edited, moved, doubled or missing, no
file missing, and nothing cut off at the end. With several paths, one a node, they are
also held against each other.

That nothing is missing at the end only somebody else can say: the agent that answers
(this node's, or another's with --url), whose ledger has the same chain; or, less, the note
that lies beside the files. With --data-dir no agent is asked: the newest snapshot in a node's data
directory has the chain as of when it was taken, that of a stopped node, a copy, or another
node's of the cluster. What is behind it, it doesn't know. Files that are whole, of
which nobody says that their end is all there, are unanchored: exit 7. Damage is exit 1. A
recorded gap, as of a node that joined by a snapshot, is told and is no damage.`,
		RunE: func(cmd *cobra.Command, args []string) error { return p.auditVerify(cmd.Context(), args, offline, dir) },
	}
	cmd.Flags().StringVar(&dir, "data-dir", "", "hold the files against the newest snapshot in this data `DIR` of a node, and ask no agent")
	cmd.Flags().BoolVar(&offline, "offline", false, "ask no agent")
	return cmd
}

// auditVerdict is what `audit verify` found.
type auditVerdict struct {
	Schema  string         `json:"schema"`
	Verdict string         `json:"verdict"`
	Nodes   []audit.Report `json:"nodes"`
	// Common is how many entries were compared between different nodes, over all
	// Pairs of them.
	Common      int             `json:"common,omitempty"`
	Pairs       []auditPair     `json:"pairs,omitempty"`
	Differences []audit.Finding `json:"differences,omitempty"`
}

// auditPair is two paths that were held against each other.
type auditPair struct {
	Paths [2]string        `json:"paths"`
	Nodes [2]remedy.NodeID `json:"nodes"`
	// Common is how many entries both have, and Same that they are the same.
	Common int  `json:"common"`
	Same   bool `json:"same"`
	// OneNode says that both are one node's, a copy or the very files: nobody else
	// vouches for them then.
	OneNode bool `json:"one_node,omitempty"`
}

func (p *program) auditVerify(ctx context.Context, paths []string, offline bool, dir string) error {
	known, err := p.auditAnchors(ctx, offline, dir)
	if err != nil {
		return err
	}
	switch _, err := os.Stat(auditPath(dir)); {
	case len(paths) > 0:
	case dir != "" && err == nil:
		paths = []string{auditPath(dir)}
	default:
		paths = []string{p.auditFile(ctx, "")}
	}
	out := auditVerdict{Schema: SchemaAudit, Verdict: audit.VerdictFine}
	for _, path := range paths {
		r, err := p.auditReport(ctx, path, known)
		if err != nil {
			return noAudit(err, "as in `warden audit verify /var/log/warden`")
		}
		if dir != "" {
			r.Doubt()
		}
		out.Nodes = append(out.Nodes, r)
		out.worst(r.Verdict)
	}
	for i, path := range paths[1:] {
		d, common, err := audit.Compare(ctx, paths[0], path)
		if err != nil {
			return noAudit(err, "as in `warden audit verify /var/log/warden`")
		}
		a, b := &out.Nodes[0], &out.Nodes[i+1]
		pair := auditPair{Paths: [2]string{a.Path, b.Path}, Nodes: [2]remedy.NodeID{remedy.NodeID(a.Node), remedy.NodeID(b.Node)}, Common: common, Same: d == nil, OneNode: a.Node == b.Node}
		if !pair.OneNode {
			out.Common += common
		}
		out.Pairs = append(out.Pairs, pair)
		if d != nil {
			d.File = filepath.Join(filepath.Dir(out.Nodes[0].Path), d.File)
			out.Differences = append(out.Differences, *d)
			out.worst(audit.VerdictDamaged)
		}
	}
	if p.printer.asJSON() {
		if err := p.printer.object(out); err != nil {
			return err
		}
	} else {
		p.showAudit(out)
	}
	switch out.Verdict {
	case audit.VerdictDamaged:
		return exit(ExitError)
	case audit.VerdictUnanchored:
		return exit(ExitLook)
	}
	return nil
}

// worst takes the worse of two verdicts.
func (v *auditVerdict) worst(other string) {
	rank := map[string]int{audit.VerdictFine: 0, audit.VerdictUnanchored: 1, audit.VerdictDamaged: 2}
	if rank[other] > rank[v.Verdict] {
		v.Verdict = other
	}
}

// showAudit says it for people.
func (p *program) showAudit(v auditVerdict) {
	o := p.printer
	for _, r := range v.Nodes {
		o.line(say("%s: %s of %s in %s, entries %d to %d", r.Path, entries(r.Entries), cmp.Or(r.Node, "nobody"), count(r.Files, "file"), r.First.Index, r.Last.Index))
		for _, f := range r.Findings {
			o.finding(f)
		}
		for _, a := range r.Anchors {
			o.anchor(a, r)
		}
		switch r.Verdict {
		case audit.VerdictFine:
			o.line(o.paint(green, "  fine") + say(": the head at entry %d is %s", r.Last.Index, r.Last.Head))
		case audit.VerdictDamaged:
			o.line(o.paint(red, "  damaged") + say(": the first finding is the one to look at first"))
		default:
			o.line(o.paint(yellow, "  unanchored") + ": what is here is whole, and nobody says whether lines at the end are missing: verify against a running agent, or with --data-dir against the data directory of a node")
		}
	}
	for _, d := range v.Differences {
		o.finding(d)
	}
	for _, x := range v.Pairs {
		switch {
		case x.OneNode && x.Same:
			o.line(o.paint(yellow, say("%s and %s are both of %s", x.Paths[0], x.Paths[1], cmp.Or(x.Nodes[0], "nobody"))) +
				": that they agree says nothing. Name the files of another node")
		case x.Same:
			o.line(say("%s that %s and %s both have are the same", entries(x.Common), x.Nodes[0], x.Nodes[1]))
		}
	}
}

// finding says one, in a line.
func (o *printer) finding(f audit.Finding) {
	where := f.File
	if f.Line > 0 {
		where = fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	kind, s := strings.ReplaceAll(f.Kind, "_", " "), yellow
	if f.Damage {
		s = red
	}
	text := f.Text
	if f.Index > 0 && f.Line > 0 {
		text = fmt.Sprintf("entry %d: %s", f.Index, text)
	}
	if f.Field != "" {
		kind += " (" + f.Field + ")"
	}
	o.line("  " + o.paint(s, kind) + say(" %s: %s", where, text))
	if f.From != nil && f.To != nil {
		o.line(say("    heads: %d %s, %d %s", f.From.Index, cmp.Or(f.From.Head, "-"), f.To.Index, cmp.Or(f.To.Head, "-")))
	}
}

func entries(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}
