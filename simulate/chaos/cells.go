package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// foundingPoints and joiningPoints begin the names of the points that are
// passed once in a node's life, before it has a log.
const (
	foundingPoints = "cluster.found."
	joiningPoints  = "cluster.join."
)

// Founding reports whether the cell is one of a node's first start.
func (c Cell) Founding() bool {
	return strings.HasPrefix(c.Point, foundingPoints) || strings.HasPrefix(c.Point, joiningPoints)
}

// Cell is one field of the table: a point of the binary, a fault, and the role
// of the process that fails there.
type Cell struct {
	Point, Fault, Role string
	// Why says why the cell can't be run; empty for those that are.
	Why string
	// Before is a point at which the process is paused until another node leads:
	// how a node comes to a step of an execution without leading any more.
	Before string
}

// InBackend reports whether the process must lose its leadership while the
// backend has the command: no node begins an effect that doesn't lead.
func (c Cell) InBackend() bool { return c.Before == beforeInBackend }

// beforeInBackend stands where no point does.
const beforeInBackend = "(in the backend)"

// Name is the cell as people write it.
func (c Cell) Name() string { return c.Point + "/" + c.Fault + "/" + c.Role }

// The faults of the table.
const (
	cellKill  = "kill"
	cellStop  = "stop"
	cellHang  = "hang"
	cellError = "error"
)

// Cells is the whole table for the points that a binary lists: each point with
// each fault and each role, those that can't be run with the reason.
func Cells(points []string) []Cell {
	var all []Cell
	for _, point := range points {
		for _, fault := range []string{cellKill, cellStop, cellHang, cellError} {
			for _, role := range []string{Leader, Follower, All} {
				c := Cell{Point: point, Fault: fault, Role: role}
				c.Why, c.Before = c.judge()
				all = append(all, c)
			}
		}
	}
	return all
}

// judge says why a cell can't be run, or how it is come by.
func (c Cell) judge() (why, before string) {
	disk := strings.HasPrefix(c.Point, "cluster.disk.")
	inside := strings.HasPrefix(c.Point, "cluster.")
	switch {
	case (c.Fault == cellHang || c.Fault == cellError) && !disk:
		return "a step can't hang or fail here by itself: what it waits for is a fault of the disk, the network or the backend, each with a row of its own", ""
	case strings.HasPrefix(c.Point, "cluster.recover."):
		return "only `warden operator recover` passes it, on a node that is stopped, with no cluster beside it", ""
	case strings.HasPrefix(c.Point, foundingPoints) && c.Role == Follower:
		return "one node founds the log; the others are given it", ""
	case strings.HasPrefix(c.Point, joiningPoints) && c.Role == Leader:
		return "the node that founds the log joins nobody", ""
	case inside || c.Role != Follower:
		return "", ""
	}
	switch c.Point {
	case "before-start", "after-start":
		return "only a leader's START is committed", ""
	case "before-effect":
		return "the gate lets no node pass that doesn't lead: see before-gate", ""
	case "before-observe", "before-gate":
		return "", "after-start"
	case "after-effect":
		return "", beforeInBackend
	}
	return "", "after-effect"
}

// Result is what became of a cell in one run.
type Result struct {
	Cell  string
	Seed  uint64
	Fired bool
	// OK says that the seed's history broke no promise.
	OK bool
}

// Table words all cells and what was run, as Markdown.
func Table(points []string, results []Result) string {
	type tally struct{ fired, failed int }
	tallies := map[string]tally{}
	for _, r := range results {
		t := tallies[r.Cell]
		if r.Fired {
			t.fired++
		}
		if r.Fired && !r.OK {
			t.failed++
		}
		tallies[r.Cell] = t
	}
	var b strings.Builder
	var why []string
	b.WriteString("| point | fault | leader | follower | all |\n| --- | --- | --- | --- | --- |\n")
	cells := Cells(points)
	for i := 0; i < len(cells); i += 3 {
		fmt.Fprintf(&b, "| `%s` | %s |", cells[i].Point, cells[i].Fault)
		for _, c := range cells[i : i+3] {
			t := tallies[c.Name()]
			word := "not run"
			switch {
			case c.Why != "":
				if !slices.Contains(why, c.Why) {
					why = append(why, c.Why)
				}
				word = fmt.Sprintf("[%d]", slices.Index(why, c.Why)+1)
			case t.failed > 0:
				word = fmt.Sprintf("**%d of %d failed**", t.failed, t.fired)
			case t.fired > 0:
				word = fmt.Sprintf("%d ok", t.fired)
			}
			fmt.Fprintf(&b, " %s |", word)
		}
		b.WriteString("\n")
	}
	for i, w := range why {
		fmt.Fprintf(&b, "\n[%d] %s.\n", i+1, w)
	}
	return b.String()
}

// Covered counts the cells that can be run, and those that fired.
func Covered(points []string, results []Result) (fired, of int) {
	ran := map[string]bool{}
	for _, r := range results {
		ran[r.Cell] = ran[r.Cell] || r.Fired
	}
	for _, c := range Cells(points) {
		switch {
		case c.Why != "":
		case ran[c.Name()]:
			fired++
			of++
		default:
			of++
		}
	}
	return fired, of
}

// Missing lists the cells that can be run and were not, by name.
func Missing(points []string, results []Result) []string {
	var names []string
	for _, c := range Cells(points) {
		ran := slices.ContainsFunc(results, func(r Result) bool { return r.Fired && r.Cell == c.Name() })
		if c.Why == "" && !ran {
			names = append(names, c.Name())
		}
	}
	slices.SortFunc(names, cmp.Compare)
	return names
}
