package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// SchemaStats is the schema of Stats.
const SchemaStats = "warden.stats/v1"

// Stats counts cases and how long their steps took. It answers
// GET /api/v1/stats.
type Stats struct {
	Schema   string    `json:"schema"`
	ServedAt time.Time `json:"served_at"`
	// Since is the instant from which cases count: those opened at or after it.
	Since time.Time `json:"since"`
	By    string    `json:"by" enum:"all,detector,action,pool"`
	// Rows has one row a name of By, and one without a name for By "all".
	Rows []StatsRow `json:"rows"`
}

// StatsRow counts the cases of one detector, action or pool.
type StatsRow struct {
	// Name is empty for all of them, and for runs by hand among detectors.
	Name   string `json:"name"`
	Opened int    `json:"opened" doc:"cases opened"`
	Open   int    `json:"open" doc:"of them still open"`
	// ByHand are the cases that a person's run opened.
	ByHand int `json:"by_hand"`
	// WouldHave are the cases that were counted as would-have-acted or asked.
	WouldHave int `json:"would_have" doc:"counted as would-have-acted or would-have-asked"`
	Asked     int `json:"asked"`
	Approved  int `json:"approved"`
	Denied    int `json:"denied"`
	// Started are executions, undos and those called off apart.
	Started   int `json:"started"`
	Took      int `json:"took" doc:"executions seen to have taken"`
	NotTaken  int `json:"not_taken" doc:"executions that failed, did not take, or of which nobody knows"`
	CalledOff int `json:"called_off" doc:"executions called off before their effect"`
	Undone    int `json:"undone"`
	// Outcomes counts closed cases by outcome.
	Outcomes map[string]int `json:"outcomes"`
	// Decide is from the instant the opening finding judges to the case's
	// decision to ask or act; Answer from the question to the answer; Take from
	// START until it was seen to have taken.
	Decide Duration `json:"detect_to_decide"`
	Answer Duration `json:"ask_to_answer"`
	Take   Duration `json:"start_to_took"`
}

// Duration sums up how long something took.
type Duration struct {
	// N is how many there were; the others say nothing when it is 0.
	N         int     `json:"n"`
	MedianSec float64 `json:"median_seconds"`
	WorstSec  float64 `json:"worst_seconds"`
	// WorstCase is the case that took longest.
	WorstCase remedy.CaseID `json:"worst_case,omitempty"`
}

type statsInput struct {
	Within string `query:"within" doc:"only cases opened within this time, such as 24h; all that are kept without it"`
	By     string `query:"by" enum:"all,detector,action,pool" default:"all"`
}

// statsRoutes registers what counts.
func (s *surface) statsRoutes(api huma.API) {
	route(api, http.MethodGet, "/stats", "get-stats", "Cases counted, and how long their steps took", func(_ context.Context, in *statsInput) (*Stats, error) {
		since, err := s.within(in.Within)
		if err != nil {
			return nil, err
		}
		// What was opened since has changed since.
		cases := slices.DeleteFunc(s.Ledger.Cases(ledger.CaseFilter{Since: since}), func(c *ledger.Case) bool { return c.OpenedAt.Before(since) })
		return &Stats{Schema: SchemaStats, ServedAt: s.now(), Since: since, By: in.By, Rows: stats(cases, in.By)}, nil
	})
}

// tally is a row in the making.
type tally struct {
	row                  StatsRow
	decide, answer, take []span
}

type span struct {
	d  time.Duration
	id remedy.CaseID
}

// stats counts cases by what is asked for. With "all" there is always a row.
func stats(cases []*ledger.Case, by string) []StatsRow {
	rows := map[string]*tally{}
	row := func(name string) *tally {
		if rows[name] == nil {
			rows[name] = &tally{row: StatsRow{Name: name, Outcomes: map[string]int{}}}
		}
		return rows[name]
	}
	if by == "all" {
		row("")
	}
	for _, c := range cases {
		name := ""
		switch by {
		case "detector":
			name = string(c.Detector)
		case "action":
			name = string(c.Action)
		case "pool":
			name = string(c.Pool)
		}
		row(name).add(c)
	}
	out := make([]StatsRow, 0, len(rows))
	for _, t := range rows {
		t.row.Decide, t.row.Answer, t.row.Take = sumUp(t.decide), sumUp(t.answer), sumUp(t.take)
		out = append(out, t.row)
	}
	slices.SortFunc(out, func(a, b StatsRow) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func (t *tally) add(c *ledger.Case) {
	r := &t.row
	r.Opened++
	count(&r.Open, c.Open())
	count(&r.ByHand, c.Opened == nil && c.Manual != nil)
	count(&r.WouldHave, !c.CountedAt.IsZero())
	if !c.Open() {
		r.Outcomes[string(c.Outcome)]++
	}
	var decided time.Time
	if c.Ask != nil {
		r.Asked++
		decided = c.Ask.AskedAt
		if a := c.Answer; a != nil {
			count(&r.Approved, a.Approve)
			count(&r.Denied, !a.Approve)
			t.answer = append(t.answer, span{a.At.Sub(c.Ask.AskedAt), c.ID})
		}
	}
	for i := range c.Executions {
		x := &c.Executions[i]
		switch {
		case x.Outcome == remedy.OutcomeAborted:
			r.CalledOff++
			continue
		case x.Kind == remedy.KindUndo:
			count(&r.Undone, x.Outcome == remedy.OutcomeDone)
			continue
		}
		r.Started++
		if decided.IsZero() && x.Kind == remedy.KindAct {
			decided = x.StartedAt
		}
		took, known := x.Took.Get()
		count(&r.Took, known && took)
		count(&r.NotTaken, known && !took || x.Outcome == remedy.OutcomeFailed || x.Outcome == remedy.OutcomeUnknown)
		if known && took && !x.TookAt.IsZero() {
			t.take = append(t.take, span{x.TookAt.Sub(x.StartedAt), c.ID})
		}
	}
	if c.Opened != nil && !decided.IsZero() && !c.Opened.At.IsZero() {
		t.decide = append(t.decide, span{decided.Sub(c.Opened.At), c.ID})
	}
}

// sumUp finds the median, the lower one of two, and the worst.
func sumUp(all []span) Duration {
	if len(all) == 0 {
		return Duration{}
	}
	slices.SortFunc(all, func(a, b span) int { return cmp.Or(cmp.Compare(a.d, b.d), cmp.Compare(a.id, b.id)) })
	worst := all[len(all)-1]
	return Duration{N: len(all), MedianSec: max(0, all[(len(all)-1)/2].d.Seconds()), WorstSec: max(0, worst.d.Seconds()), WorstCase: worst.id}
}
