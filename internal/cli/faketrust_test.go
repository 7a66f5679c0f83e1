package cli

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
	"warden/internal/web"
	"warden/policy"
)

// fakeEvidence is what the fake knows of its own work: drain is right on ingest
// and young on edge, restart is a coin toss, and hostile names are everywhere.
func fakeEvidence() []trust.Evidence {
	record := func(action remedy.ActionName, pool remedy.PoolName, detector remedy.DetectorName, first remedy.CaseID, labels string) trust.Record {
		r := trust.Record{Key: trust.Key{Action: action, Pool: pool, Detector: detector, Digest: "51c0e9a4b8d2"}, Since: fakeNow.Add(-41 * 24 * time.Hour)}
		for i, l := range labels {
			s := trust.Sample{
				Case: first + remedy.CaseID(i), Host: remedy.HostName(fmt.Sprintf("%s-%02d", pool, i%40)), At: r.Since.Add(time.Duration(i) * 9 * time.Hour),
				Level: remedy.LevelConfirm, Value: 0.41, HasValue: true, Bad: 0.5, BadFor: 6 * time.Minute, BadHosts: 1, N: 40,
				Acted: true, Approved: true, Took: remedy.Known(true),
			}
			s.AskedAt, s.AnsweredAt = s.At, s.At.Add(time.Duration(3+i%9)*time.Minute)
			if i%5 == 0 {
				s.HandAt = s.At.Add(time.Duration(11+i%4) * time.Minute)
			}
			label := map[rune]trust.Label{'r': trust.Right, 'w': trust.Wrong, 'u': trust.Unclear}[l]
			if label != trust.Unlabelled {
				s.Said = []trust.Statement{{Label: label, Source: trust.SourcePerson, By: "kim", Via: "cli", At: s.At.Add(time.Hour)}}
			}
			r.Cases = append(r.Cases, s)
		}
		return r
	}
	long := func(r string, n int) string {
		var out strings.Builder
		for range n {
			out.WriteString(r)
		}
		return out.String()
	}
	runs := func(action remedy.ActionName, pool remedy.PoolName, n int) trust.Runs {
		out := trust.Runs{RunKey: trust.RunKey{Action: action, Pool: pool, Target: "9f31c2d0a4b8"}, Since: fakeNow.Add(-41 * 24 * time.Hour)}
		for i := range n {
			out.Runs = append(out.Runs, trust.Run{Case: remedy.CaseID(900 + i), At: out.Since.Add(time.Duration(i) * time.Hour), Outcome: remedy.OutcomeDone, Approved: true, Took: remedy.Known(true)})
		}
		return out
	}
	rules := trust.DefaultRules()
	ingest := record("drain", "ingest", "canary_missing", 900, long("r", 7)+"w"+long("r", 98)+"-")
	wrong := &ingest.Cases[7]
	wrong.BadHosts, wrong.Said[0].Note = 12, "canary senders were being restarted"
	wrong.Said = append(wrong.Said[:0:0], trust.Statement{Label: trust.Right, Source: trust.SourcePerson, By: "kim", Via: "cli", At: wrong.At.Add(time.Minute)}, wrong.Said[0])
	torn := &ingest.Cases[9]
	torn.Said = append(torn.Said, trust.Statement{Label: trust.Unclear, Source: trust.SourcePerson, By: "evil\x1b[31m", Via: "cli", At: torn.At.Add(2 * time.Hour), Note: "who knows\x07"})
	edge := record("drain", "edge", "canary_missing", 1100, "rrr-ru-----")
	restart := record("restart", "ingest", "receiver_stuck", 1200, "rwrwwrrwrwrw")
	old := record("restart", "ingest", "receiver_stuck", 800, long("r", 4))
	old.Digest, old.Since = "000000000000", fakeNow.Add(-100*24*time.Hour)
	return []trust.Evidence{
		{Action: "drain", Pool: "edge", Reported: remedy.LevelNotify, Effective: remedy.LevelNotify, Rules: rules, Current: []trust.Record{edge}, Runs: runs("drain", "edge", 0), HasUndo: true},
		{Action: "drain", Pool: "ingest", Reported: remedy.LevelConfirm, Effective: remedy.LevelConfirm, Rules: rules, Current: []trust.Record{ingest}, Runs: runs("drain", "ingest", 12), HasUndo: true},
		{Action: "restart", Pool: "ingest", Reported: remedy.LevelMetricOnly, Effective: remedy.LevelMetricOnly, Rules: rules, Current: []trust.Record{restart}, Older: []trust.Record{old}, Runs: runs("restart", "ingest", 2)},
	}
}

// fakeSaid is what people and warden said of a case.
func fakeSaid() *web.CaseLabels {
	s := trust.Sample{Said: []trust.Statement{
		{Label: trust.Right, Source: trust.SourceStayed, By: "warden", At: fakeNow.Add(-3 * time.Hour)},
		{Label: trust.Wrong, Source: trust.SourcePerson, By: "kim", Via: "cli", At: fakeNow.Add(-2 * time.Hour), Note: "looked fine to me"},
		{Label: trust.Right, Source: trust.SourcePerson, By: "kim", Via: "cli", At: fakeNow.Add(-time.Hour)},
		{Label: trust.Unclear, Source: trust.SourcePerson, By: "evil\x1b[31m", Via: "cli", At: fakeNow.Add(-time.Minute), Note: "who\nknows"},
	}}
	r := s.Resolve()
	return &web.CaseLabels{Label: r.Label, Source: r.Source, By: r.By, Conflict: r.Conflict, Statements: s.Said}
}

// demotions are the levels that were taken away.
func (f *fakeAPI) demotions() []trust.Demotion {
	out := []trust.Demotion{}
	for _, e := range f.evidence {
		if e.Demotion != nil {
			out = append(out, *e.Demotion)
		}
	}
	return out
}

// rows is the evidence as the API has it.
func (f *fakeAPI) rows(action remedy.ActionName, pool remedy.PoolName) *web.Trust {
	out := &web.Trust{Schema: web.SchemaTrust, ServedAt: fakeNow, Node: "n1", Rows: []web.TrustRow{}}
	for _, e := range f.evidence {
		if action != "" && action != e.Action || pool != "" && pool != e.Pool {
			continue
		}
		out.Rows = append(out.Rows, fakeRow(e))
	}
	return out
}

func fakeRow(e trust.Evidence) web.TrustRow {
	r := web.TrustRow{Assessment: trust.Assess(e, fakeNow), File: e.Reported, Wrong: []web.WrongCase{}, LabelNext: []trust.Named{}}
	r.Undo = web.UndoCount{Tried: len(e.Runs.Runs) / 4, Worked: len(e.Runs.Runs) / 4}
	limits := policy.Limits{MinInService: 30, MaxOut: 3, MaxOutFraction: 1, PerHour: 4, PerDay: 12}
	w := policy.WorstCase(limits, 40, 0, e.Action == "drain", policy.Night)
	r.Worst = &w
	for i := range e.Current {
		record := &e.Current[i]
		for _, n := range r.Detectors[i].Window.WrongCases {
			at := slices.IndexFunc(record.Cases, func(s trust.Sample) bool { return s.Case == n.Case })
			found := trust.Suggest(*record, record.Cases[at], trust.Settings{For: 5 * time.Minute, MaxBadFraction: 0.5})
			r.Wrong = append(r.Wrong, web.WrongCase{Named: n, Statements: record.Cases[at].Said, Suggestions: found, Cause: trust.ExplainWrong(found)})
		}
		next := r.Detectors[i].Window.ToLabel
		r.LabelNext = append(r.LabelNext, next[:min(3, len(next))]...)
	}
	return r
}

// held has the enforced gate of an action in a pool leave a level of what the
// files ask for.
func (f *fakeAPI) held(action, pool, level string) error {
	for i := range f.evidence {
		e := &f.evidence[i]
		if string(e.Action) != action || string(e.Pool) != pool {
			continue
		}
		if err := e.Effective.UnmarshalText([]byte(level)); err != nil {
			return err
		}
		e.Rules.Enforce = true
		e.Grant = &trust.Grant{Action: e.Action, Pool: e.Pool, To: e.Effective, At: fakeNow.Add(-time.Hour), Judged: true, Enforced: true, Said: "3 of 3 right: not met"}
	}
	return nil
}

func (f *fakeAPI) trust(r *http.Request) (any, error) {
	q := r.URL.Query()
	return f.rows(remedy.ActionName(q.Get("action")), remedy.PoolName(q.Get("pool"))), nil
}

// label labels a case of the evidence; 1042 is one that nobody proposed.
func (f *fakeAPI) label(r *http.Request) (any, error) {
	id, err := remedy.ParseCaseID(r.PathValue("id"))
	if err != nil {
		return nil, refuse(http.StatusUnprocessableEntity, web.CodeInvalid, err.Error())
	}
	q, err := body[web.LabelRequest](r)
	if err != nil {
		return nil, err
	}
	if words := f.words[id]; q.Of != "" && len(words) > 0 && words[0].By == q.Of && words[0].At.Equal(q.Seen) {
		return &web.Labelled{Schema: web.SchemaLabelled, ServedAt: fakeNow, Case: id, Label: trust.Wrong, Statements: []trust.Statement{}}, nil
	} else if len(words) > 0 && q.Label == "wrong" { // of which too many say so
		return &web.Labelled{Schema: web.SchemaLabelled, ServedAt: fakeNow, Case: id, Label: trust.Wrong, Uncounted: true, Statements: []trust.Statement{}}, nil
	} else if q.Of != "" {
		return nil, refuse(http.StatusConflict, ledger.RefusedNothing, fmt.Sprintf("no word of %q stands that was seen at %v", q.Of, q.Seen))
	}
	for i := range f.evidence {
		e := &f.evidence[i]
		for j := range e.Current {
			for k := range e.Current[j].Cases {
				s := &e.Current[j].Cases[k]
				if s.Case != id {
					continue
				}
				if q.Label == "right" && e.Pool == "edge" {
					return nil, refuse(http.StatusForbidden, engine.RefusedNotYours, "mallory is not an approver of drain, and right raises trust: ask one of sam, @oncall")
				}
				said := trust.Statement{Source: trust.SourcePerson, By: "sam", Via: "cli", At: fakeNow, Note: q.Note}
				if q.Label != "" {
					if err := said.Label.UnmarshalText([]byte(q.Label)); err != nil {
						return nil, err
					}
				} else if !slices.ContainsFunc(s.Said, func(x trust.Statement) bool { return x.By == "sam" }) {
					return nil, refuse(http.StatusConflict, ledger.RefusedNothing, "sam has said nothing about "+id.String()+" that could be taken back")
				}
				s.Said = append(slices.Clone(s.Said), said)
				if s.Label() == trust.Wrong && s.Acted && e.Reported > remedy.LevelNotify {
					e.Demotion = &trust.Demotion{Action: e.Action, Pool: e.Pool, To: remedy.LevelNotify, From: e.Effective, At: fakeNow, By: remedy.Warden(), Why: trust.WhyWrong, Case: id}
					e.Effective = remedy.LevelNotify
				}
				got, row := s.Resolve(), fakeRow(*e)
				return &web.Labelled{
					Schema: web.SchemaLabelled, ServedAt: fakeNow, Case: id, Detector: e.Current[j].Detector, Digest: e.Current[j].Digest,
					Label: got.Label, Conflict: got.Conflict, Statements: s.Said, Row: &row,
				}, nil
			}
		}
	}
	if f.cases[id] != nil {
		return nil, refuse(http.StatusConflict, ledger.RefusedNothing, "warden never proposed anything about "+id.String()+": there is nothing to be right or wrong about")
	}
	return nil, refuse(http.StatusNotFound, ledger.RefusedNoCase, fmt.Sprintf("there is no case %s", id))
}

func (f *fakeAPI) demote(r *http.Request) (any, error) {
	q, err := body[web.DemoteRequest](r)
	if err != nil {
		return nil, err
	}
	for i := range f.evidence {
		e := &f.evidence[i]
		if e.Action != q.Action || e.Pool != q.Pool {
			continue
		}
		if q.To >= e.Effective {
			return nil, refuse(http.StatusConflict, ledger.RefusedNothing, fmt.Sprintf("%s on %s is at %s already: name a lower level", q.Action, q.Pool, e.Effective))
		}
		e.Demotion = &trust.Demotion{Action: q.Action, Pool: q.Pool, To: q.To, From: e.Effective, At: fakeNow, By: person("sam"), Why: trust.WhyPerson, Reason: q.Reason}
		e.Effective = q.To
		return f.rows(q.Action, ""), nil
	}
	return nil, refuse(http.StatusNotFound, engine.RefusedNotFound, fmt.Sprintf("there is no %s on %s: see `warden policy list`", q.Action, q.Pool))
}

func (f *fakeAPI) review(r *http.Request) (any, error) {
	q, err := body[web.ReviewRequest](r)
	if err != nil {
		return nil, err
	}
	for i := range f.evidence {
		e := &f.evidence[i]
		if e.Action == q.Action && e.Pool == q.Pool && e.Demotion != nil {
			if e.Demotion.Newest().After(q.Seen) {
				return nil, refuse(http.StatusConflict, ledger.RefusedDecided, "there is more to look at than you were shown")
			}
			e.Demotion, e.Effective = nil, e.Reported
			return f.rows(q.Action, ""), nil
		}
	}
	return nil, refuse(http.StatusConflict, ledger.RefusedNothing, "nothing lowers it")
}

// previewTrust judges as if the records of other digests didn't exist.
func (f *fakeAPI) previewTrust(r *http.Request) (any, error) {
	q, err := body[web.TrustPreviewRequest](r)
	if err != nil {
		return nil, err
	}
	if f.mute {
		return nil, refuse(http.StatusForbidden, web.CodeNoEndpoint, "over TCP it is only read")
	}
	out := f.rows("", "")
	out.Rows = out.Rows[:0]
	for _, want := range q.Rungs {
		i := slices.IndexFunc(f.evidence, func(e trust.Evidence) bool { return e.Action == want.Action && e.Pool == want.Pool })
		e := trust.Evidence{Action: want.Action, Pool: want.Pool, Effective: remedy.LevelMetricOnly}
		if i >= 0 {
			e = f.evidence[i]
		}
		e.Rules, e.Reported, e.HasUndo = q.Rules, want.Level, want.HasUndo
		records, restarts := e.Current, false
		e.Current = nil
		for _, d := range want.Detectors {
			same := slices.IndexFunc(records, func(r trust.Record) bool {
				return r.Detector == d.Name && cmp.Or(f.digests[d.Name], r.Digest) == d.Digest
			})
			restarts = restarts || same < 0
			if same >= 0 {
				e.Current = append(e.Current, records[same])
			} else {
				for _, r := range records {
					if r.Detector == d.Name {
						e.Older = append(e.Older, r)
					}
				}
				e.Current = append(e.Current, trust.Record{Key: trust.Key{Action: e.Action, Pool: e.Pool, Detector: d.Name, Digest: d.Digest}, Since: fakeNow})
			}
		}
		row := fakeRow(e)
		row.Restarts = restarts
		out.Rows = append(out.Rows, row)
	}
	if f.ledger != nil {
		word := ledger.TrustReport{ConfigHash: q.Report.ConfigHash, Rules: q.Rules}
		for _, r := range q.Rungs {
			rung := ledger.TrustRung{Action: r.Action, Pool: r.Pool, Target: r.Target, HasUndo: r.HasUndo}
			for _, d := range r.Detectors {
				rung.Detectors = append(rung.Detectors, ledger.TrustDetector(d))
			}
			word.Rungs = append(word.Rungs, rung)
		}
		out.Moves = engine.Foresee(f.ledger, f.ledger.Status().Voters, *q.Report, word, fakeNow).Moves
	}
	return out, nil
}

// opposed has kim say that W-1043, which asks, is wrong.
func (f *fakeAPI) opposed() {
	f.said = map[remedy.CaseID]*web.CaseLabels{1043: {Label: trust.Wrong, Source: trust.SourcePerson, By: "kim", Statements: []trust.Statement{
		{Label: trust.Wrong, Source: trust.SourcePerson, By: "kim", Via: "cli", At: fakeNow.Add(-time.Minute), Note: "a\x1b[31m deploy"},
	}}}
	f.words = map[remedy.CaseID][]ledger.Objection{1043: {{About: 1043, Statement: trust.Statement{Label: trust.Wrong, By: "kim", At: fakeNow.Add(-time.Minute), Note: "a\x1b[31m deploy"}}}}
	f.against = map[remedy.CaseID]ledger.Standing{1043: {Words: "kim says that the detector is wrong about W-1043", Newest: fakeNow.Add(-time.Minute)}}
	ask := *f.cases[1043].Ask
	ask.Notice = 43
	f.cases[1043].Ask = &ask
}

// granted leaves what the files say as enforced gates would.
func (f *fakeAPI) granted() {
	for i := range f.evidence {
		e := &f.evidence[i]
		e.Grant = &trust.Grant{Action: e.Action, Pool: e.Pool, To: e.Reported, Granted: e.Reported, Judged: true}
	}
}
