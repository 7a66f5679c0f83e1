package cli

import (
	"slices"
	"time"

	"warden/internal/chat"
	"warden/internal/config"
	"warden/internal/ledger"
	"warden/internal/pager"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// pagerTalker tells PagerDuty.
type pagerTalker struct {
	d     *daemon
	pager *pager.Pager
}

func newPagerTalker(d *daemon) *pagerTalker {
	t := &pagerTalker{d: d}
	t.pager = pager.New(pager.Options{State: t.state, Talk: t.talk, Clock: d.Clock, Logger: d.Logger.Named("pagerduty")})
	return t
}

// configure implements talker.
func (t *pagerTalker) configure(file *config.Config) (chat.Courier, error) {
	if !file.PagerDuty.Enabled {
		return nil, nil //nolint:nilnil // the surface is off, which is no error
	}
	return t.pager.Courier(pagerSettings(file, t.d.Env)), nil
}

// pagerSettings are the settings of [pagerduty].
func pagerSettings(file *config.Config, env config.Env) pager.Settings {
	p := file.PagerDuty
	s := pager.Settings{
		Cluster: file.Cluster.Name, APIURL: p.APIURL, EventsURL: p.EventsURL, From: p.FromEmail, Services: p.Services,
		HostKeys: p.Match.HostKeys, Lookback: p.Match.Lookback.Std(), Notes: p.Notes, ChangeEvents: p.ChangeEvents, Resolve: p.ResolveAfterVerified,
		PageWhen: p.PageWhen, PageOnConfirm: p.PageOnConfirm,
	}
	secret := func(pick func(config.PagerDutySecrets) config.Secret) func() (string, error) {
		return func() (string, error) {
			got, err := file.PagerDutySecrets(env)
			return pick(got).Reveal(), err
		}
	}
	if p.APITokenFile.IsSet() {
		s.Token = secret(func(g config.PagerDutySecrets) config.Secret { return g.APIToken })
	}
	if p.RoutingKeyFile.IsSet() {
		s.RoutingKey = secret(func(g config.PagerDutySecrets) config.Secret { return g.RoutingKey })
	}
	return s
}

// talk is where the people of Slack talk about a case.
func (t *pagerTalker) talk(id remedy.CaseID) string {
	p, _ := t.d.ledger.Post(ledger.SurfaceSlack, "case/"+id.String())
	return p.Link
}

// state is what PagerDuty's alerts are worked out of.
func (t *pagerTalker) state() pager.State {
	l, now := t.d.ledger, t.d.Clock.Now()
	status := l.Status()
	st := pager.State{
		Now: now, Labelled: map[remedy.CaseID]bool{}, Latches: l.Breakers().Latches, Demotions: l.Demotions(),
		Waiting: map[ledger.Surface]time.Time{}, Configs: map[remedy.NodeID]string{}, Posts: l.Posts(ledger.SurfacePagerDuty),
	}
	st.Cases = pagerCases(l, now, st.Posts)
	for _, c := range st.Cases {
		if c.Acted() != nil && labelled(l, c) {
			st.Labelled[c.ID] = true
		}
	}
	for name := range t.d.engine.Config().Pools {
		st.Pools = append(st.Pools, l.Pool(name, now))
	}
	v := t.d.engine.View()
	defer v.Release()
	st.Blind, st.SourcesKnown = v.Blind()
	surfaces, _ := l.Surfaces()
	for _, s := range surfaces {
		if owed := l.PendingFor(s); len(owed) > 0 {
			st.Waiting[s] = owed[0].At
		}
	}
	for _, r := range status.Reports {
		st.Configs[r.Node] = r.ConfigHash
	}
	return st
}

// pagerCases are the cases that alerts and notes may be about: those that are
// open, changed within a day, or have an alert.
func pagerCases(l *ledger.Ledger, now time.Time, posts []ledger.Post) []*ledger.Case {
	out := slices.Concat(l.Cases(ledger.CaseFilter{Open: true}), l.Cases(ledger.CaseFilter{Since: now.Add(-24 * time.Hour)}))
	for _, p := range posts {
		if id, err := remedy.ParseCaseID(p.ID); err == nil && p.Case == 0 {
			if c, ok := l.Case(id); ok {
				out = append(out, c)
			}
		}
	}
	slices.SortFunc(out, func(a, b *ledger.Case) int { return int(int64(a.ID) - int64(b.ID)) })
	return slices.CompactFunc(out, func(a, b *ledger.Case) bool { return a.ID == b.ID })
}

// labelled reports whether a person has said of a case whether warden was right.
func labelled(l *ledger.Ledger, c *ledger.Case) bool {
	e, ok := l.Trust(c.Action, c.Pool)
	if !ok {
		return false
	}
	for _, r := range slices.Concat(e.Current, e.Older) {
		for i := range r.Cases {
			if r.Cases[i].Case == c.ID {
				return slices.ContainsFunc(r.Cases[i].Said, func(s trust.Statement) bool { return s.Source == trust.SourcePerson })
			}
		}
	}
	return false
}
