package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
	"warden/policy"
)

// Foresight is what comes of a config before anybody has it: the ledger as it is,
// as it would be once the config is reported, and as it would be once the leader
// has judged what that claims. All three are copies that nothing else changes.
type Foresight struct {
	Before, Reported, Judged *ledger.Ledger
	// Moves are the levels in force that would be others, for good or until a gate
	// is judged, and those that a review would raise since a gate asks for less; by
	// action and pool, whether an edit of the level does that or one of [policy].
	Moves []Move
}

// Move is one action × pool whose level in force a config moves, or would let a
// review move.
type Move struct {
	Action remedy.ActionName `json:"action"`
	Pool   remedy.PoolName   `json:"pool"`
	// From is what is in force now, To what is by the evidence of now once gates
	// are judged; Until holds in between.
	From  remedy.Level `json:"from"`
	Until remedy.Level `json:"until"`
	To    remedy.Level `json:"to"`
	// Review is what a review would raise it to by the evidence of now, which it
	// wouldn't without the config; zero where it wouldn't with it either.
	Review remedy.Level `json:"review,omitempty"`
	// Gate is what the gate says of the level that the files ask for, in one line;
	// empty where nothing is asked for.
	Gate string `json:"gate,omitempty"`
	// Worst is how far the action could go by itself, by the limits of the config,
	// in words; for what becomes auto only.
	Worst string `json:"worst,omitempty"`
}

// String is the move in one line, and what it could do by itself in another.
// Promotions are in capitals, as those of a file are.
func (m Move) String() string {
	to := m.To.String()
	if m.To > m.From {
		to = strings.ToUpper(to)
	}
	text := fmt.Sprintf("%s on %s  in force: %s -> %s", m.Action, m.Pool, m.From, to)
	if m.From == m.To {
		text = fmt.Sprintf("%s on %s  in force: %s", m.Action, m.Pool, m.To)
	}
	if m.Until != m.To {
		text += fmt.Sprintf("  (%s until its gate is judged, in a moment)", m.Until)
	}
	if m.Review != remedy.LevelBlocked {
		text += fmt.Sprintf("; a review, or the next edit that raises it, brings %s", strings.ToUpper(m.Review.String()))
	}
	if m.Gate != "" {
		text += "; " + m.Gate
	}
	if m.Worst != "" {
		text += "\n  by itself: " + m.Worst
	}
	return text
}

// MovesInWords counts moves for the line that counts changes, as "; in force: 1
// promotion, 2 demotions"; empty where there are none.
func MovesInWords(moves []Move) string {
	var up, down, dips, reviews int
	for _, m := range moves {
		switch {
		case m.To > m.From:
			up++
		case m.To < m.From:
			down++
		case m.Until < m.To:
			dips++
		}
		if m.Review != remedy.LevelBlocked {
			reviews++
		}
	}
	var words []string
	for _, x := range []struct {
		n         int
		one, more string
	}{
		{up, "promotion", "promotions"},
		{down, "demotion", "demotions"},
		{dips, "demotion until its gate is judged", "demotions until their gates are judged"},
		{reviews, "level that a review would raise", "levels that a review would raise"},
	} {
		switch {
		case x.n == 1:
			words = append(words, "1 "+x.one)
		case x.n > 1:
			words = append(words, fmt.Sprintf("%d %s", x.n, x.more))
		}
	}
	if words == nil {
		return ""
	}
	return "; in force: " + strings.Join(words, ", ")
}

// Foresee applies what nodes would report of a config, and the verdicts that the
// leader would commit, to a copy of the ledger. The reports' Node is ignored.
// Nodes that are no voters change nothing. A voter's version stays its own, and
// while one is too old for evidence nothing is said of trust.
func Foresee(led *ledger.Ledger, nodes []remedy.NodeID, levels ledger.NodeReport, word ledger.TrustReport, now time.Time) Foresight {
	var bodies []ledger.Body
	st, learns := led.Status(), led.Floor().Version >= trustSince
	for _, n := range nodes {
		if !slices.Contains(st.Voters, n) {
			continue
		}
		l, w := levels, word
		l.Node, w.Node = n, n
		if i := slices.IndexFunc(st.Reports, func(r ledger.NodeReport) bool { return r.Node == n }); i >= 0 {
			l.MaxVersion = st.Reports[i].MaxVersion
		}
		if learns {
			bodies = append(bodies, &w)
		}
		bodies = append(bodies, &l)
	}
	f := Foresight{Before: led.Preview(now, remedy.Warden()), Reported: led.Preview(now, remedy.Warden(), bodies...)}
	f.Judged = f.Reported.Preview(now, remedy.Warden(), verdictsOf(f.Reported, now)...)
	for _, e := range f.Judged.Trusts() {
		m := Move{
			Action: e.Action, Pool: e.Pool, From: f.Before.Level(e.Action, e.Pool),
			Until: f.Reported.Level(e.Action, e.Pool), To: f.Judged.Level(e.Action, e.Pool),
		}
		if learns {
			m.Review = reviewed(f, e, m.To, now)
		}
		if m.From == m.To && m.Until == m.To && m.Review == remedy.LevelBlocked {
			continue
		}
		if learns {
			a := trust.Assess(e, now)
			m.Gate = a.Line(e.Reported)
		}
		if w := WorstCase(f.Judged, m.Action, m.Pool, now); w != nil && m.To == remedy.LevelAuto {
			m.Worst = w.String()
		}
		f.Moves = append(f.Moves, m)
	}
	return f
}

// reviewed is what a review would raise a level to that a judged gate holds, which
// it would not have before; zero where it would raise nothing more.
func reviewed(f Foresight, e trust.Evidence, to remedy.Level, now time.Time) remedy.Level {
	if e.Grant == nil || !e.Grant.Judged {
		return remedy.LevelBlocked
	}
	brings := func(in trust.Evidence) remedy.Level {
		allowed, _ := trust.Allowed(in.Rules, in, now)
		return min(allowed, in.Reported)
	}
	was := to
	if in, ok := f.Before.Trust(e.Action, e.Pool); ok {
		was = max(was, brings(in))
	}
	if now := brings(e); now > was {
		return now
	}
	return remedy.LevelBlocked
}

// WorstCase is how far an action could go in a night, by what is committed; nil
// where that isn't known.
func WorstCase(led *ledger.Ledger, action remedy.ActionName, pool remedy.PoolName, now time.Time) *policy.Worst {
	f := led.Facts(ledger.FactsQuery{Pool: pool, Action: action, Now: now})
	if !f.LimitsKnown || !f.SizeKnown {
		return nil
	}
	w := policy.WorstCase(policy.Limits{
		MinInService: f.Limits.MinInService, MaxOut: f.Limits.MaxOut, MaxOutFraction: f.Limits.MaxOutFraction,
		PerHour: f.Limits.PerHour, PerDay: f.Limits.PerDay, ClusterPerHour: f.ClusterHour, ClusterPerDay: f.ClusterDay,
	}, f.N, f.Out, f.TakesOut, policy.Night)
	return &w
}
