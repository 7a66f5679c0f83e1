package cli

import (
	"warden/internal/chat"
	"warden/internal/config"
	"warden/internal/ledger"
	"warden/internal/pager"
	"warden/internal/remedy"
)

// pagerTalker tells PagerDuty.
type pagerTalker struct {
	d     *daemon
	pager *pager.Pager
}

func newPagerTalker(d *daemon) *pagerTalker {
	t := &pagerTalker{d: d}
	t.pager = pager.New(pager.Options{State: t.state, Talk: t.talk, Clock: d.Clock, Logger: d.Logger.Named("pagerduty"), Transport: d.Machine.transport()})
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
	secret := func(read func(config.Env) (config.Secret, error)) func() (string, error) {
		return func() (string, error) {
			got, err := read(env)
			return got.Reveal(), err
		}
	}
	if p.APITokenFile.IsSet() {
		s.Token = secret(file.PagerDutyToken)
	}
	if p.RoutingKeyFile.IsSet() {
		s.RoutingKey = secret(file.PagerDutyRoutingKey)
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
	st := pager.StateOf(t.d.ledger, sortedKeys(t.d.engine.Config().Pools), t.d.Clock.Now())
	v := t.d.engine.View()
	defer v.Release()
	st.Blind, st.SourcesKnown = v.Blind()
	return st
}
