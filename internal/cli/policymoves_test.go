package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/config"
	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// TestPolicyMovesLevels: an edit of [policy] alone moves levels in force, and
// policy diff and the reload say so before it does, in the same words; and what
// they say is what comes of it.
func TestPolicyMovesLevels(t *testing.T) {
	t.Parallel()
	type file struct{ level, gates, gate, hour string }
	tests := []struct {
		name          string
		before, after file
		digest        bool // the detector is another one afterwards
		was, is       remedy.Level
		want          []string
		verdict       string
	}{
		{
			name: "enforced no more", before: file{"auto", "enforce", "3", "2"}, after: file{"auto", "warn", "3", "1"}, was: remedy.LevelNotify, is: remedy.LevelAuto,
			want: []string{
				"drain on web  in force: notify -> AUTO; gate for auto: 0 episodes (gate 3): not met: episodes: 0, gate 3 (3 more); the file's level holds",
				"\n  by itself: at most 1 an hour, never below 3 of 4 in service;", // the new file's limits
			}, verdict: "; in force: 1 promotion",
		},
		{
			name: "enforced from now on", before: file{"auto", "warn", "3", "2"}, after: file{"auto", "enforce", "3", "2"}, was: remedy.LevelAuto, is: remedy.LevelConfirm,
			want:    []string{"drain on web  in force: auto -> confirm  (metric-only until its gate is judged, in a moment); gate for auto: 0 episodes (gate 3): not met, held at confirm until episodes: 0, gate 3 (3 more)"},
			verdict: "; in force: 1 demotion",
		},
		{
			// A gate that asks for more, or less, judges nothing that was judged.
			name: "asks for more", before: file{"auto", "enforce", "0", "2"}, after: file{"auto", "enforce", "3", "2"}, was: remedy.LevelAuto, is: remedy.LevelAuto,
		},
		{
			name: "asks for less", before: file{"auto", "enforce", "3", "2"}, after: file{"auto", "enforce", "0", "2"}, was: remedy.LevelConfirm, is: remedy.LevelConfirm,
			want:    []string{"drain on web  in force: confirm; a review, or the next edit that raises it, brings AUTO; gate for auto: 0 episodes (gate 0): PASS"},
			verdict: "; in force: 1 level that a review would raise",
		},
		{
			name: "another detector", before: file{"auto", "enforce", "0", "2"}, after: file{"auto", "enforce", "0", "2"}, digest: true, was: remedy.LevelAuto, is: remedy.LevelAuto,
			want:    []string{"drain on web  in force: auto  (metric-only until its gate is judged, in a moment)"},
			verdict: "; in force: 1 demotion until its gate is judged",
		},
		{
			name: "enforced from now on, and met", before: file{"auto", "warn", "0", "2"}, after: file{"auto", "enforce", "0", "2"}, was: remedy.LevelAuto, is: remedy.LevelAuto,
			want:    []string{"drain on web  in force: auto  (metric-only until its gate is judged, in a moment)"},
			verdict: "; in force: 1 demotion until its gate is judged",
		},
		{
			name: "asks the same", before: file{"auto", "enforce", "0", "2"}, after: file{"auto", "warn", "0", "2"}, was: remedy.LevelAuto, is: remedy.LevelAuto,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			kim := remedy.Actor{Name: "kim", Person: true}
			write := func(f file, span string) (string, *engine.Config, config.Outline) {
				path := filepath.Join(t.TempDir(), "warden.toml")
				text := strings.NewReplacer("%FOR%", span, "%LEVEL%", f.level, "%GATES%", f.gates, "%GATE%", f.gate).Replace(verdictFile)
				text = strings.Replace(text, "min_in_service", "max_actions_per_hour = "+f.hour+"\nmin_in_service", 1)
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				outline, built, err := (&program{clock: &leaping{now: fakeNow}, env: noEnv}).outlineFile(path)
				if err != nil {
					t.Fatal(err)
				}
				return path, built, outline
			}
			led, index := ledger.New(), uint64(0)
			apply := func(at time.Time, by remedy.Actor, bodies ...ledger.Body) {
				e, err := ledger.NewEntry(at, by, "n1", bodies...)
				if err != nil {
					t.Fatal(err)
				}
				data, err := e.Encode()
				if err != nil {
					t.Fatal(err)
				}
				index++
				led.Apply(index, 1, data)
			}
			hour := fakeNow.Add(-time.Hour)
			base, running, was := write(tt.before, "5m")
			span := "5m"
			if tt.digest {
				span = "6m"
			}
			next, then, is := write(tt.after, span)
			apply(hour, kim, &ledger.ClusterInit{ClusterID: "c", Voters: []remedy.NodeID{"n1"}})
			apply(hour, remedy.Warden(), running.Report("n1"))
			apply(hour, remedy.Warden(), running.TrustReport("n1"), running.Report("n1"), &ledger.PoolSize{Pool: "web", N: 4})
			judge := func(counted bool) {
				for _, g := range led.Claims() {
					to := tt.was
					if in, ok := led.Trust(g.Action, g.Pool); ok && counted {
						to, _ = trust.Allowed(in.Rules, in, fakeNow)
					}
					apply(fakeNow, remedy.Warden(), &ledger.TrustJudge{Action: g.Action, Pool: g.Pool, Claim: g.Claim, Revision: g.Revision, To: to})
				}
			}
			judge(false)
			if got := led.Level("drain", "web"); got != tt.was {
				t.Fatalf("it begins at %s", got)
			}

			api := newFakeAPI()
			if err := api.tell([]string{"config", base}); err != nil {
				t.Fatal(err)
			}
			api.evidence, api.ledger = led.Trusts(), led
			dir := t.TempDir()
			stop, err := api.listen(filepath.Join(dir, "w.sock"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(stop)
			var out bytes.Buffer
			p := &program{
				env: func(k string) (string, bool) { return filepath.Join(dir, "w.sock"), k == "WARDEN_SOCKET" },
				in:  strings.NewReader(""), out: &out, err: &out, clock: &leaping{now: fakeNow}, local: time.UTC,
			}
			code := p.run(context.WithoutCancel(t.Context()), []string{"policy", "diff", "--config", next, "--detailed-exitcode"})
			if code != ExitSomething {
				t.Errorf("policy diff ends with %d", code)
			}
			// The hashes are of all that a config can say, and change with every new key.
			said := twoHashes.ReplaceAllString(out.String(), "HASH -> HASH")
			golden := filepath.Join("testdata", "policymoves", strings.NewReplacer(" ", "_", ",", "").Replace(tt.name)+".golden")
			if os.Getenv("WARDEN_UPDATE") != "" {
				if err := os.WriteFile(golden, []byte(said), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if kept, err := os.ReadFile(golden); err != nil || string(kept) != said {
				t.Errorf("%s (%v) has\n%s\nand it says now\n%s", golden, err, kept, said)
			}
			f, changes := foresee(led, "n1", then, fakeNow), config.Compare(was, is)
			moves := movesElsewhere(f, changes)
			reload := strings.Join(reloadWords(changes, inForce(f, "n1", changes), gateLines(f, changes, fakeNow), moves), "\n")
			for name, text := range map[string]string{"policy diff": out.String(), "reload": reload + "\n" + changes.Verdict() + engine.MovesInWords(moves)} {
				for _, w := range append(slices.Clone(tt.want), tt.verdict) {
					if !strings.Contains(text, w) {
						t.Errorf("%s doesn't say %q:\n%s", name, w, text)
					}
				}
				if len(tt.want) == 0 && strings.Contains(text, "in force") {
					t.Errorf("%s says of levels that stay:\n%s", name, text)
				}
			}
			if len(moves) != len(tt.want[:min(1, len(tt.want))]) {
				t.Errorf("moves are %+v", moves)
			}
			// And so it comes.
			apply(fakeNow, remedy.Warden(), then.TrustReport("n1"), then.Report("n1"))
			judge(true)
			if got := led.Level("drain", "web"); got != tt.is {
				t.Errorf("it ends at %s, want %s", got, tt.is)
			}
		})
	}
}

// twoHashes is how `policy diff` ends.
var twoHashes = regexp.MustCompile(`(?m)^[0-9a-f]{12} -> [0-9a-f]{12}$`)
