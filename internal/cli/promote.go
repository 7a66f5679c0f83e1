package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"warden/internal/chat"
	"warden/internal/config"
	"warden/internal/remedy"
	"warden/internal/trust"
	"warden/internal/web"
)

// promotion is what the flags of promote say.
type promotion struct {
	action remedy.ActionName
	pool   remedy.PoolName
	// to is the level asked for; LevelBlocked for the next rung.
	to     remedy.Level
	file   string // the config that the patch is for
	write  string // the config to edit in place; empty for none
	git    bool
	anyway bool
}

// promoted is the result of `promote`.
type promoted struct {
	Schema string            `json:"schema"`
	Action remedy.ActionName `json:"action"`
	To     remedy.Level      `json:"to"`
	Met    bool              `json:"met"`
	Pools  []promotedPool    `json:"pools"`
	File   string            `json:"file"`
	Key    string            `json:"key,omitempty"`
	Line   int               `json:"line,omitempty"`
	// Patch is empty where the gate is not met.
	Patch   string `json:"patch,omitempty"`
	Written bool   `json:"written"`
}

// promotedPool is the verdict in one pool.
type promotedPool struct {
	Pool    remedy.PoolName `json:"pool"`
	From    remedy.Level    `json:"from"`
	Verdict trust.Verdict   `json:"verdict"`
	Line    string          `json:"line"`
	Stance  trust.Stance    `json:"stance"`
	Advice  string          `json:"advice"`
	Worst   string          `json:"worst,omitempty"`
	// Restarted says that the evidence starts again with the file: a detector or the
	// action is another one in it than what runs.
	Restarted bool `json:"restarted,omitempty"`
}

func (p *program) newPromoteCommand() *cobra.Command {
	var m promotion
	var r review
	var pool, to string
	cmd := &cobra.Command{
		Use: "promote ACTION", Short: "Check the gate for the next rung, and print the edit that takes it", GroupID: groupTrust, Args: cobra.ExactArgs(1),
		Example: `  warden promote drain --pool web
  warden promote drain --pool web --write /etc/warden/warden.toml
  warden promote drain --git-patch > promote-drain.patch
  warden promote drain --pool web --review --reason 'the deploy did it; block_when has it now'`,
		Long: `Check the gate for the next rung, and print every check with the one-line patch of the
config that takes it. No running level is changed, whatever the flags: a promotion is an
edit of the file by a person, and holds once every voter has loaded it. Where the file is
not what runs, the verdict is about the file: a detector that is edited in it begins again,
as policy diff says. Where the gate is not met it says so, prints no patch and exits 3;
with gates = "warn" --anyway prints the patch all the same.

--review lifts a demotion, after somebody has looked at what happened; with
gates = "enforce" it also has the gate judged again. An approver of the action does that.`,
		ValidArgsFunction: p.completeActions,
		RunE: func(cmd *cobra.Command, args []string) error {
			m.action, m.pool = remedy.ActionName(args[0]), remedy.PoolName(pool)
			if r.on {
				r.action, r.pool = m.action, m.pool
				return p.review(cmd.Context(), r)
			}
			if r.reason != "" {
				return usage("--reason belongs to --review: a promotion's reason goes into its commit")
			}
			if to != "" {
				if err := m.to.UnmarshalText([]byte(to)); err != nil || m.to <= remedy.LevelMetricOnly {
					return usage("--to %q is no level to go up to: use notify, confirm or auto", to)
				}
			}
			if m.write != "" {
				if cmd.Flags().Changed("config") && m.file != m.write {
					return usage("--config names the file that is read, --write the one that is edited: give one of them")
				}
				m.file = m.write
			}
			return p.promote(cmd.Context(), m)
		},
	}
	f := cmd.Flags()
	f.StringVar(&pool, "pool", "", "only in this `POOL`")
	f.StringVar(&to, "to", "", "to this `LEVEL`; default: the next rung above the file's")
	f.StringVar(&m.file, "config", defaultConfig, "the `FILE` that the patch is for")
	f.StringVar(&m.write, "write", "", "make the edit in this `FILE`, and change nothing else in it")
	f.BoolVar(&m.git, "git-patch", false, "print a patch that git am takes")
	f.BoolVar(&m.anyway, "anyway", false, "print the patch although the gate is not met")
	f.BoolVar(&r.on, "review", false, "lift a demotion, having looked at what happened")
	f.StringVar(&r.reason, "reason", "", "with --review: what you found, a `TEXT` for the record")
	exclusive(cmd, "write", "git-patch")
	for _, flag := range []string{"to", "write", "git-patch", "anyway", "config"} {
		exclusive(cmd, "review", flag)
	}
	complete(cmd, "to", "notify", "confirm", "auto")
	p.completePools(cmd)
	return cmd
}

func (p *program) promote(ctx context.Context, m promotion) error {
	text, err := config.ReadText(m.file)
	if err != nil {
		return err
	}
	cfg, report := config.Parse(m.file, text, parseOptions())
	if cfg == nil {
		return fmt.Errorf("%w: see `warden config check %s`", report.Err(), m.file)
	}
	pools, err := m.rungs(cfg)
	if err != nil {
		return err
	}
	client, err := p.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	res, err := p.evidence(ctx, client, web.TrustQuery{Action: m.action, Pool: m.pool})
	if err != nil {
		return err
	}
	for _, at := range pools {
		if !slices.ContainsFunc(res.Rows, func(r web.TrustRow) bool { return r.Pool == at.pool }) {
			return fail(ExitNotFound, fmt.Errorf("the running agent has no %s on %s: load the file first", m.action, at.pool))
		}
	}
	if in, err := read(ctx, p, client.Config); err != nil {
		return err
	} else if in.Hash != cfg.Hash() {
		if res, err = p.byFile(ctx, client, m, cfg, in.Node, res); err != nil {
			return err
		}
	}
	out := promoted{Schema: "warden.promotion/v1", Action: m.action, To: m.to, Met: true, File: m.file, Pools: []promotedPool{}}
	var refusals []string
	enforced := false
	for _, at := range pools {
		i := slices.IndexFunc(res.Rows, func(r web.TrustRow) bool { return r.Action == m.action && r.Pool == at.pool })
		if i < 0 {
			return fmt.Errorf("the answer has nothing of %s on %s: are the command and the daemon of one version?", m.action, at.pool)
		}
		row := &res.Rows[i]
		v := row.Rung(m.to)
		if v == nil {
			return fmt.Errorf("the answer has no verdict for %s: are the command and the daemon of one version?", m.to)
		}
		x := promotedPool{Pool: at.pool, From: at.level, Verdict: *v, Line: row.Line(m.to), Stance: row.Stance, Advice: row.Advice, Restarted: row.Restarts}
		if m.to == remedy.LevelAuto && row.Worst != nil {
			x.Worst = row.Worst.String()
		}
		out.Pools = append(out.Pools, x)
		out.Met = out.Met && v.Met
		enforced = enforced || row.Rules.Enforce
		if d := row.Demotion; d != nil && d.To < m.to {
			refusals = append(refusals, say("on %s it was demoted to %s and an edit doesn't lift that: look at what happened, then `warden promote %s --pool %s --review --reason TEXT`", at.pool, d.To, m.action, at.pool))
		}
		if !p.printer.asJSON() {
			p.verdictOn(m, row, x)
		}
	}
	if len(refusals) > 0 {
		return p.refusePromotion(out, errors.New(strings.Join(refusals, "; ")))
	}
	if !m.anyway {
		for _, x := range out.Pools {
			if x.Verdict.Met && x.Stance == trust.StanceDont {
				return p.refusePromotion(out, errors.New(say("don't promote %s on %s: the gate for %s asks for too little to say so, but its labels do; --anyway prints the patch all the same", m.action, x.Pool, m.to)))
			}
		}
	}
	if !out.Met {
		switch {
		case m.anyway && enforced:
			return p.refusePromotion(out, fmt.Errorf("the gate for %s is not met and gates = \"enforce\": the level would stay where it is, so there is no patch even with --anyway", m.to))
		case !m.anyway:
			return p.refusePromotion(out, p.notYet(m, out, enforced))
		}
		p.printer.talk("! The gate for %s is NOT met. With gates = \"warn\" a person may all the same; warden will say so at every reload.", m.to)
	}
	return p.edit(m, text, out)
}

// byFile is the evidence for a file that isn't what runs, as policy diff has it: what
// is promoted is the file, and a detector that was edited in it has earned nothing.
// Where the agent can't tell, have, which is about what runs, takes an --anyway.
func (p *program) byFile(ctx context.Context, client *web.Client, m promotion, cfg *config.Config, node remedy.NodeID, have *web.Trust) (*web.Trust, error) {
	built, err := builder{clock: p.clock, env: p.env}.build(cfg)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: see `warden config check %s`", m.file, err, m.file)
	}
	res, err := p.preview(ctx, client, rungsOf(built))
	switch {
	case err != nil:
		return nil, err
	case res != nil:
		p.printer.talk("%s is not what runs on %s: the verdict is about the file. What else it changes: warden policy diff --config %s", m.file, node, m.file)
		return res, nil
	case !m.anyway:
		return nil, fail(ExitRefused, fmt.Errorf("%s is not what runs on %s, and this agent can't say what its evidence comes to with that file: ask it over its socket, or load the file as it is first; with --anyway the verdict is about what runs. Nothing was changed", m.file, node))
	}
	p.printer.talk("! %s is not what runs on %s: the verdict is about what runs, and not about what the file makes of the evidence", m.file, node)
	return have, nil
}

// refusePromotion ends without a patch.
func (p *program) refusePromotion(out promoted, err error) error {
	if p.printer.asJSON() {
		if err := p.printer.object(out); err != nil {
			return err
		}
	}
	return fail(ExitRefused, fmt.Errorf("%w. Nothing was changed", err))
}

// notYet says that the gate isn't met, and in which pool.
func (*program) notYet(m promotion, out promoted, enforced bool) error {
	var not []string
	for _, x := range out.Pools {
		if !x.Verdict.Met {
			not = append(not, string(x.Pool))
		}
	}
	text := fmt.Sprintf("don't promote %s on %s yet: the gate for %s is not met", m.action, strings.Join(not, ", "), m.to)
	switch {
	case len(not) < len(out.Pools):
		text += "; where it is met, name the pool with --pool"
	case !enforced:
		text += "; --anyway prints the patch all the same"
	}
	return errors.New(text)
}

// poolLevel is a pool with the level that the file gives the action there.
type poolLevel struct {
	pool  remedy.PoolName
	level remedy.Level
}

// rungs finds the pools that a promotion is about and the level that it leads
// to. Pools at different levels have to be named.
func (m *promotion) rungs(cfg *config.Config) ([]poolLevel, error) {
	a, ok := cfg.Actions[m.action]
	if !ok {
		return nil, fail(ExitNotFound, fmt.Errorf("%s has no action %q: it has %s", m.file, m.action, remedy.Listed(slices.Sorted(maps.Keys(cfg.Actions)))))
	}
	levels := cfg.Levels(m.action)
	var all []poolLevel
	for _, pool := range slices.Sorted(maps.Keys(levels)) {
		if _, own := a.PoolPolicy[pool]; m.pool == pool || m.pool == "" && (!own || len(levels) == 1) {
			all = append(all, poolLevel{pool, levels[pool]})
		}
	}
	if len(all) == 0 && m.pool != "" {
		return nil, fail(ExitNotFound, fmt.Errorf("%s has no %s on a pool %q: it is meant for %s", m.file, m.action, m.pool, remedy.Listed(slices.Sorted(maps.Keys(levels)))))
	}
	if m.pool == "" && len(all) < len(levels) {
		// An edit of `policy` would leave some pools where they are.
		words := make([]string, 0, len(levels))
		for _, pool := range slices.Sorted(maps.Keys(levels)) {
			words = append(words, fmt.Sprintf("%s at %s", pool, levels[pool]))
		}
		return nil, usage("%s has pools with levels of their own (%s): say which with --pool", m.action, strings.Join(words, ", "))
	}
	if len(levels) == 1 {
		// A pool that has its own level is edited there.
		if _, own := a.PoolPolicy[all[0].pool]; own {
			m.pool = all[0].pool
		}
	}
	from := slices.MaxFunc(all, func(a, b poolLevel) int { return cmp.Compare(a.level, b.level) }).level
	if from == remedy.LevelAuto && m.to == remedy.LevelBlocked {
		return nil, m.atAuto()
	}
	if m.to == remedy.LevelBlocked {
		m.to = max(from, remedy.LevelMetricOnly) + 1
	}
	if m.to == from && m.to == remedy.LevelAuto {
		return nil, m.atAuto()
	}
	if m.to == from {
		return nil, usage("%s is at %s in %s already: leave out --to for the next rung", m.action, from, m.file)
	}
	if m.to <= from {
		return nil, usage("%s is at %s in %s already: to go down use `warden demote %s --to %s --reason TEXT`", m.action, from, m.file, m.action, m.to)
	}
	return all, nil
}

// atAuto says that there is nothing above the file's level, and where to look for
// what may hold it down.
func (m *promotion) atAuto() error {
	return fail(ExitRefused, fmt.Errorf("%s is at auto in %s already, and nothing is above that: where less is in force, `warden trust %s` says what holds it and what lifts it", m.action, m.file, m.action))
}

// verdictOn shows what the gate says in one pool. With a patch for git on
// standard output it is talk.
func (p *program) verdictOn(m promotion, row *web.TrustRow, x promotedPool) {
	shown := p.printer
	if m.git {
		if p.printer.quiet {
			return
		}
		shown = p.talker()
	}
	shown.line(shown.paint(bold, say("Promote %s on %s from %s to %s?", m.action, x.Pool, x.From, m.to)))
	shown.verdict(row, &x.Verdict)
	if x.Restarted {
		shown.line("  " + shown.paint(yellow, say("evidence starts again with %s: a detector or the action is another one than what runs", m.file)))
	}
	if m.to == remedy.LevelAuto {
		shown.worst(row)
	}
	if row.Next != nil && row.Next.To == m.to { // else it is about another rung
		shown.line("  " + shown.paint(stanceStyle(row.Stance), chat.Clean(row.Advice)))
	}
	shown.line("")
}

// edit makes the patch, prints it or writes the file, and says what comes next.
func (p *program) edit(m promotion, text []byte, out promoted) error {
	e, err := config.EditLevel(m.file, text, parseOptions(), m.action, m.pool, m.to)
	if err != nil {
		return err
	}
	out.Key, out.Line = e.Key, e.Line
	if out.Patch, err = p.patch(m, e, out); err != nil {
		return err
	}
	if m.write != "" {
		if err := config.ReplaceText(m.write, e.Before, e.After); err != nil {
			return err
		}
		out.Written = true
	}
	if p.printer.asJSON() {
		return p.printer.object(out)
	}
	if m.write != "" {
		p.printer.line(say("%s:%d: %s = %q is written. The running level is what it was.", m.write, e.Line, e.Key, m.to.String()))
	} else if err := p.printPatch(out.Patch); err != nil {
		return err
	}
	if m.git && bytes.Contains(e.Before, []byte("\r\n")) {
		p.printer.talk("The file ends its lines as Windows does: git am --keep-cr")
	}
	p.printer.talk("Nothing that runs has changed. Then: warden policy diff --config %s, and warden reload on every node.", m.file)
	return nil
}
