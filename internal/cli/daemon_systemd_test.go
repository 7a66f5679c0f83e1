package cli

import (
	"testing"
	"time"

	"warden/internal/config"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

func TestStatusLine(t *testing.T) {
	t.Parallel()
	frozen := &ledger.Freeze{By: remedy.Actor{Name: "fran"}}
	for want, s := range map[string]standing{
		"leader, alone, 0 waiting, 0 hosts out, not frozen":                                                {leader: true, voters: 1},
		"leader of 3 voters, 1 waiting, 2 hosts out, not frozen":                                           {leader: true, voters: 3, waiting: 1, out: 2},
		"follower of n1-12345678, 3 voters, 0 waiting, 1 host out, 2 UNKNOWN, FROZEN by fran":              {leaderID: "n1-12345678", voters: 3, out: 1, unknown: 2, freeze: frozen},
		"no leader: nothing is done, replaying the log":                                                    {voters: 3, replaying: true, out: 7},
		"no leader: nothing is done, not up to date since its start":                                       {voters: 3, replaying: true, behind: true, waiting: 2},
		"no leader: nothing is done, in no cluster yet: see warden operator raft list-peers":               {replaying: true, apart: true},
		"no leader: nothing is done, 0 waiting, 0 hosts out, not frozen, the newest config was NOT loaded": {voters: 3, refused: true},
	} {
		if got := statusLine(s); got != want {
			t.Errorf("%+v:\n got %q\nwant %q", s, got, want)
		}
	}
}

// TestFetchWithin: what asking the sources may take grows with what is asked
// and with how long each may take, and sources don't wait for one another.
func TestFetchWithin(t *testing.T) {
	t.Parallel()
	c := &config.Config{
		Sources: map[remedy.SourceName]config.Source{
			"fast": {Timeout: config.Duration(time.Second)}, "slow": {Timeout: config.Duration(time.Minute)},
		},
		Detectors: map[remedy.DetectorName]config.Detector{},
	}
	if got := fetchWithin(c); got != 0 {
		t.Errorf("without detectors: %s", got)
	}
	c.Detectors["one"] = config.Detector{Source: "fast", Pools: []remedy.PoolName{"a", "b"}}
	if got, want := fetchWithin(c), 2*queriesEach/fetchedAtOnce*time.Second; got != want {
		t.Errorf("two pools: %s, want %s", got, want)
	}
	c.Guardrails.BlockWhen = append(c.Guardrails.BlockWhen, config.BlockWhen{Source: "slow"})
	if got := fetchWithin(c); got != time.Minute {
		t.Errorf("the slowest source: %s", got)
	}
}
