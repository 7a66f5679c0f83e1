package chaos_test

import (
	"reflect"
	"strings"
	"testing"

	"warden/simulate/chaos"
)

// points are like a binary's, and not all of them.
func points() []string {
	return []string{
		"after-effect", "after-finish", "after-start", "before-effect", "before-finish", "before-gate", "before-observe", "before-start",
		"cluster.disk.append", "cluster.found.after", "cluster.join.met", "cluster.store.before", "cluster.snapshot.after",
	}
}

// TestPlansCoverTheTable shows that seeds share out faults and cells, so that
// enough of them run each.
func TestPlansCoverTheTable(t *testing.T) {
	faults, cells := map[string]int{}, map[string]int{}
	var runnable int
	for _, c := range chaos.Cells(points()) {
		if c.Why == "" {
			runnable++
		}
	}
	for seed := uint64(1); seed <= 40; seed++ {
		p := chaos.PlanOf(seed, points())
		if !reflect.DeepEqual(p, chaos.PlanOf(seed, points())) {
			t.Fatalf("seed %d has two plans", seed)
		}
		if p.Founding.Point != "" {
			cells[p.Founding.Name()]++
		}
		for _, s := range p.Scenes {
			faults[s.Act.Fault]++
			cells[s.Cell.Name()]++
			if s.Cell.Founding() || s.Cell.Why != "" {
				t.Errorf("seed %d has %s in a scene: %s", seed, s.Cell.Name(), s.Cell.Why)
			}
		}
	}
	if len(faults) != len(chaos.Faults()) {
		t.Errorf("40 seeds have %d faults of %d", len(faults), len(chaos.Faults()))
	}
	if len(cells) != runnable {
		t.Errorf("40 seeds have %d cells of %d", len(cells), runnable)
	}
}

func TestTable(t *testing.T) {
	results := []chaos.Result{
		{Cell: "after-effect/kill/leader", Fired: true, OK: true}, {Cell: "after-effect/kill/leader", Fired: true, OK: true},
		{Cell: "after-effect/kill/all", Fired: true}, {Cell: "after-effect/kill/follower"},
	}
	text := chaos.Table([]string{"after-effect"}, results)
	for _, want := range []string{
		"| `after-effect` | kill | 2 ok | not run | **1 of 1 failed** |",
		"| `after-effect` | stop | not run | not run | not run |",
		"| `after-effect` | hang | [1] | [1] | [1] |",
		"\n[1] a step can't hang",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the table has no %q:\n%s", want, text)
		}
	}
	if fired, of := chaos.Covered([]string{"after-effect"}, results); fired != 2 || of != 6 {
		t.Errorf("%d of %d are covered", fired, of)
	}
	if missing := chaos.Missing([]string{"after-effect"}, results); len(missing) != 4 {
		t.Errorf("missing are %q", missing)
	}
}
