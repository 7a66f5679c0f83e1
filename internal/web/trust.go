package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// mostLabels is how many cases are asked to be labelled next: more than a few at
// a time, and none is.
const mostLabels = 3

type trustInput struct {
	Action string `query:"action"`
	Pool   string `query:"pool"`
	Within string `query:"within" doc:"count numbers over this time, such as 90d; verdicts are by the committed window all the same"`
}

// trustRoutes registers what is known of how right warden has been, and what
// people say to it.
func (s *surface) trustRoutes(api huma.API) {
	route(api, http.MethodGet, "/trust", "get-trust", "How right warden has been, and what the next rung takes", func(_ context.Context, in *trustInput) (*Trust, error) {
		from, err := s.within(in.Within)
		if err != nil {
			return nil, err
		}
		return s.evidence(remedy.ActionName(in.Action), remedy.PoolName(in.Pool), from), nil
	})
	route(api, http.MethodPost, "/trust/preview", "preview-trust", "What the evidence would come to with another config", func(_ context.Context, in *bodyInput[TrustPreviewRequest]) (*Trust, error) {
		return s.previewTrust(in.Body), nil
	})
	route(api, http.MethodPost, "/trust/demotions", "demote", "Take a level away at once, until a person reviews it", func(ctx context.Context, in *bodyInput[DemoteRequest]) (*Trust, error) {
		q := in.Body
		if err := s.write(ctx, fmt.Sprintf("demote %s on %s to %s", q.Action, q.Pool, q.To), func(ctx context.Context, by remedy.Actor) error {
			return s.Engine.Demote(ctx, by, ledger.TrustDemote{Action: q.Action, Pool: q.Pool, To: q.To, Reason: q.Reason})
		}); err != nil {
			return nil, err
		}
		return s.evidence(q.Action, "", time.Time{}), nil
	})
	route(api, http.MethodPost, "/trust/reviews", "review", "Lift a demotion, and have an enforced gate judged again", func(ctx context.Context, in *bodyInput[ReviewRequest]) (*Trust, error) {
		q := in.Body
		if err := s.write(ctx, fmt.Sprintf("review %s on %s", q.Action, q.Pool), func(ctx context.Context, by remedy.Actor) error {
			return s.Engine.Review(ctx, by, ledger.TrustReview{Action: q.Action, Pool: q.Pool, Reason: q.Reason, Seen: q.Seen})
		}); err != nil {
			return nil, err
		}
		return s.evidence(q.Action, "", time.Time{}), nil
	})
	route(api, http.MethodPost, "/cases/{id}/label", "label-case", "Say whether the detector was right about a case", s.label)
}

// label commits a person's word on a case, and says what that comes to.
func (s *surface) label(ctx context.Context, in *caseInputWith[LabelRequest]) (*Labelled, error) {
	id, err := caseID(in.ID)
	if err != nil {
		return nil, err
	}
	q := ledger.CaseLabel{Case: id, Note: in.Body.Note, Withdraw: in.Body.Label == "", Of: in.Body.Of, Seen: in.Body.Seen}
	if err := q.Label.UnmarshalText([]byte(in.Body.Label)); err != nil {
		return nil, problem(http.StatusUnprocessableEntity, CodeInvalid, err.Error())
	}
	if err := s.write(ctx, "label "+id.String()+" "+cmp.Or(in.Body.Label, "taken back")+about(" for ", in.Body.Of), func(ctx context.Context, by remedy.Actor) error {
		return s.Engine.Label(ctx, by, q)
	}); err != nil {
		return nil, err
	}
	out := &Labelled{Schema: SchemaLabelled, ServedAt: s.now(), Case: id, Statements: []trust.Statement{}}
	c, ok := s.Ledger.Case(id)
	if !ok {
		return out, nil // it was forgotten right after
	}
	key, sample, ok := s.sample(c)
	if !ok {
		return out, nil
	}
	got := sample.Resolve()
	by, err := actor(ctx)
	if err != nil {
		return nil, err
	}
	out.Uncounted = q.Label == trust.Wrong && !slices.ContainsFunc(sample.Own(by.Name), func(own trust.Statement) bool { return own.Label == trust.Wrong })
	out.Detector, out.Digest, out.Label, out.Conflict, out.Statements = key.Detector, key.Digest, got.Label, got.Conflict, list(sample.Said)
	if rows := s.evidence(c.Action, c.Pool, time.Time{}).Rows; len(rows) == 1 {
		out.Row = &rows[0]
	}
	return out, nil
}

// about is a name behind what it is for; empty without one.
func about(what, name string) string {
	if name == "" {
		return ""
	}
	return what + name
}

// sample finds a case as evidence, and whose record it is in.
func (s *surface) sample(c *ledger.Case) (trust.Key, trust.Sample, bool) {
	e, ok := s.Ledger.Trust(c.Action, c.Pool)
	if !ok {
		return trust.Key{}, trust.Sample{}, false
	}
	for _, r := range slices.Concat(e.Current, e.Older) {
		if i := slices.IndexFunc(r.Cases, func(x trust.Sample) bool { return x.Case == c.ID }); i >= 0 {
			return r.Key, r.Cases[i], true
		}
	}
	return trust.Key{}, trust.Sample{}, false
}

// labels is what was said of a case; nil where it is no evidence.
func (s *surface) labels(c *ledger.Case) *CaseLabels {
	_, sample, ok := s.sample(c)
	if !ok {
		return nil
	}
	r := sample.Resolve()
	return &CaseLabels{Label: r.Label, Source: r.Source, By: r.By, Conflict: r.Conflict, Statements: list(sample.Said)}
}

// wrongLately counts the cases that came up, or of which somebody spoke, within a
// day before the instant, and whose label is wrong.
func (s *surface) wrongLately(now time.Time) int {
	recent := func(t time.Time) bool { return now.Sub(t) < day }
	n := 0
	for _, e := range s.Ledger.Trusts() {
		for _, r := range slices.Concat(e.Current, e.Older) {
			for i := range r.Cases {
				x := &r.Cases[i]
				said := slices.ContainsFunc(x.Said, func(st trust.Statement) bool { return recent(st.At) })
				count(&n, (recent(x.At) || said) && x.Label() == trust.Wrong)
			}
		}
	}
	return n
}

// toLabel counts the cases in force that nobody has labelled and that a gate
// still reads.
func (s *surface) toLabel(now time.Time) int {
	n := 0
	for _, e := range s.Ledger.Trusts() {
		from := e.Rules.From(now)
		for i := range e.Current {
			for j := range e.Current[i].Cases {
				x := &e.Current[i].Cases[j]
				count(&n, !x.At.Before(from) && x.Label() == trust.Unlabelled)
			}
		}
	}
	return n
}

// whyHeld words why the ledger holds a level down, beyond what files say.
func whyHeld(e trust.Evidence) []string {
	var out []string
	if d := e.Demotion; d != nil {
		out = append(out, fmt.Sprintf("demoted to %s on %s, %s; `warden promote %s --pool %s --review --reason TEXT` lifts it",
			d.To, d.At.UTC().Format("2 Jan 15:04 UTC"), becauseOf(d), e.Action, e.Pool))
	}
	if g := e.Grant; g != nil && g.To < e.Reported {
		said := "its verdict is awaited"
		if g.Judged {
			said = "not met"
			if g.Said != "" {
				said = g.Said
			}
		}
		out = append(out, fmt.Sprintf("its gate leaves %s: %s", g.To, said))
	}
	return out
}

// becauseOf words why a level was taken away.
func becauseOf(d *trust.Demotion) string {
	text := "by " + d.By.Name
	switch d.Why {
	case trust.WhyWrong:
		text = fmt.Sprintf("for %s was wrong, as %s said", d.Case, d.By.Name)
	case trust.WhyRegretted:
		text = fmt.Sprintf("for %s was undone as was-fine by %s", d.Case, d.By.Name)
	case trust.WhyUnverified:
		text = fmt.Sprintf("for %s was not seen to take", d.Case)
	case trust.WhyFailed:
		text = fmt.Sprintf("for actions failed, %s the last", d.Case)
	}
	if d.Reason != "" {
		text += ": " + d.Reason
	}
	if more := len(d.Causes) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

// evidence collects what is known of an action, a pool, or all of them. With an
// instant numbers are counted from it on; verdicts never are.
func (s *surface) evidence(action remedy.ActionName, pool remedy.PoolName, from time.Time) *Trust {
	var all []trust.Evidence
	for _, e := range s.Ledger.Trusts() {
		if (action == "" || action == e.Action) && (pool == "" || pool == e.Pool) {
			all = append(all, e)
		}
	}
	return s.rows(s.Ledger, all, from)
}

// rows judges evidence, and says what could come of it by the limits of a ledger:
// this one, or a preview of it.
func (s *surface) rows(led *ledger.Ledger, all []trust.Evidence, from time.Time) *Trust {
	now := s.now()
	out := &Trust{Schema: SchemaTrust, ServedAt: now, Node: s.Node.ID, Rows: []TrustRow{}}
	cfg := s.Engine.Config()
	oldest := now
	for _, e := range all {
		r := TrustRow{Assessment: trust.Assess(e, now), File: cfg.Actions[e.Action].Levels[e.Pool], Wrong: []WrongCase{}, LabelNext: []trust.Named{}, Worst: engine.WorstCase(led, e.Action, e.Pool, now)}
		if !from.IsZero() {
			r.From = from
			for i := range r.Detectors {
				r.Detectors[i].Window = trust.Count(e.Current[i], from, e.Rules)
			}
		}
		if r.From.Before(oldest) {
			oldest = r.From
		}
		for i := range e.Current {
			r.mistakes(&e.Current[i], i, cfg.Settings(e.Current[i].Detector))
			r.LabelNext = append(r.LabelNext, r.Detectors[i].Window.ToLabel...)
		}
		newest := func(a, b trust.Named) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.Case, a.Case)) }
		slices.SortFunc(r.LabelNext, newest)
		r.LabelNext = r.LabelNext[:min(mostLabels, len(r.LabelNext))]
		slices.SortFunc(r.Wrong, func(a, b WrongCase) int { return newest(a.Named, b.Named) })
		out.Rows = append(out.Rows, r)
	}
	s.countUndos(out.Rows, oldest)
	return out
}

// mistakes names the wrong cases of one record, with what was said of each and
// what setting would have kept it away.
func (r *TrustRow) mistakes(record *trust.Record, i int, settings trust.Settings) {
	for _, n := range r.Detectors[i].Window.WrongCases {
		at := slices.IndexFunc(record.Cases, func(x trust.Sample) bool { return x.Case == n.Case })
		if at < 0 {
			continue
		}
		found := trust.Suggest(*record, record.Cases[at], settings)
		r.Wrong = append(r.Wrong, WrongCase{
			Named: n, Statements: list(record.Cases[at].Said), Suggestions: list(found), Cause: trust.ExplainWrong(found),
		})
	}
}

// countUndos counts the undos of each row's action since its numbers begin.
func (s *surface) countUndos(rows []TrustRow, oldest time.Time) {
	if len(rows) == 0 {
		return
	}
	at := map[[2]string]*TrustRow{}
	for i := range rows {
		at[[2]string{string(rows[i].Action), string(rows[i].Pool)}] = &rows[i]
	}
	for _, c := range s.Ledger.Cases(ledger.CaseFilter{Since: oldest}) {
		r := at[[2]string{string(c.Action), string(c.Pool)}]
		if r == nil {
			continue
		}
		for i := range c.Executions {
			x := &c.Executions[i]
			if x.Kind != remedy.KindUndo || x.Outcome == remedy.OutcomeAborted || x.FinishedAt.IsZero() || x.StartedAt.Before(r.From) {
				continue
			}
			r.Undo.Tried++
			count(&r.Undo.Worked, x.Outcome == remedy.OutcomeDone)
		}
	}
}

// previewTrust judges the evidence as if another config were in force
// everywhere.
func (s *surface) previewTrust(q TrustPreviewRequest) *Trust {
	now, have := s.now(), s.Ledger.Trusts()
	all, restarts := make([]trust.Evidence, 0, len(q.Rungs)), make([]bool, len(q.Rungs))
	for i, rung := range q.Rungs {
		at := slices.IndexFunc(have, func(e trust.Evidence) bool { return e.Action == rung.Action && e.Pool == rung.Pool })
		e := trust.Evidence{Action: rung.Action, Pool: rung.Pool, Effective: remedy.LevelMetricOnly}
		if at >= 0 {
			e = have[at]
		}
		var another bool
		e, another = asIf(e, rung, now)
		e.Rules = q.Rules
		restarts[i] = another && at >= 0
		all = append(all, e)
	}
	led, moves := s.Ledger, []engine.Move(nil)
	if q.Report != nil {
		f := engine.Foresee(s.Ledger, s.speaking(), *q.Report, q.word(), now)
		led, moves = f.Judged, f.Moves
	}
	out := s.rows(led, all, time.Time{})
	for i := range out.Rows {
		out.Rows[i].Restarts = restarts[i]
	}
	out.Moves = moves
	return out
}

// speaking are the voters whose files count for levels: all that nobody waived.
func (s *surface) speaking() []remedy.NodeID {
	st := s.Ledger.Status()
	return slices.DeleteFunc(slices.Clone(st.Voters), func(n remedy.NodeID) bool {
		return slices.ContainsFunc(st.Waivers, func(w ledger.Waiver) bool { return w.Node == n })
	})
}

// word is what a node with that config would say of trust.
func (q TrustPreviewRequest) word() ledger.TrustReport {
	r := ledger.TrustReport{ConfigHash: q.Report.ConfigHash, Rules: q.Rules}
	for _, p := range q.Rungs {
		rung := ledger.TrustRung{Action: p.Action, Pool: p.Pool, Target: p.Target, HasUndo: p.HasUndo}
		for _, d := range p.Detectors {
			rung.Detectors = append(rung.Detectors, ledger.TrustDetector(d))
		}
		r.Rungs = append(r.Rungs, rung)
	}
	return r
}

// asIf is the evidence with which a rung of another config would begin: the
// records of its own detectors and of its action as it is there, empty ones where
// there are none. It reports whether that starts any of it again.
func asIf(e trust.Evidence, rung PreviewRung, now time.Time) (trust.Evidence, bool) {
	records, another := slices.Concat(e.Current, e.Older), false
	e.Reported, e.HasUndo, e.Current, e.Older = rung.Level, rung.HasUndo, nil, nil
	for _, d := range rung.Detectors {
		i := slices.IndexFunc(records, func(r trust.Record) bool { return r.Detector == d.Name && r.Digest == d.Digest })
		if i >= 0 {
			e.Current = append(e.Current, records[i])
			continue
		}
		another = true
		for _, r := range records {
			if r.Detector == d.Name {
				e.Older = append(e.Older, r)
			}
		}
		e.Current = append(e.Current, trust.Record{
			Key: trust.Key{Action: rung.Action, Pool: rung.Pool, Detector: d.Name, Digest: d.Digest}, Since: now,
		})
	}
	if rung.Target != e.Runs.Target {
		another = true
		e.Runs = trust.Runs{RunKey: trust.RunKey{Action: rung.Action, Pool: rung.Pool, Target: rung.Target}, Since: now}
	}
	return e, another
}
