//go:build integration && failpoints

package chaos_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"warden/simulate/chaos"
)

// counter is the backend that counts effects: a script that notes, durably,
// each time that it begins and ends, under which token, and then moves a file.
type counter struct {
	run *seedRun
	dir string
}

// The script takes a verb and a host. Its log is the oracle: one line before
// and one after acting, each on the disk before anything else happens.
const counterScript = `#!/bin/sh
set -eu
cd "$(dirname "$0")"
note() {
	printf '%s %s %s %s %s %s %s %s.\n' "$1" "$2" "$3" "$WARDEN_TOKEN" "$WARDEN_CASE" "$CHAOS_NODE" "$(date +%s%N)" "$$" |
		dd of=log oflag=append conv=notrunc,fsync status=none
}
case "$1" in
out) note begin out "$2"; echo out >"out/$2.$$"; mv "out/$2.$$" "state/$2"; note end out "$2";;
in)  note begin in "$2"; rm -f "state/$2"; note end in "$2";;
is)  if [ -e "state/$2" ]; then echo out; exit 0; fi; echo in; exit 1;;
all) while read -r h; do if [ -e "state/$h" ]; then echo "$h wanted out"; else echo "$h not in"; fi; done <hosts;;
esac
`

func newCounter(r *seedRun, p pool) *counter {
	r.t.Helper()
	c := &counter{run: r, dir: filepath.Join(r.dir, "counter")}
	for _, dir := range []string{c.dir, filepath.Join(c.dir, "state"), filepath.Join(c.dir, "out")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			r.t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"act": counterScript, "hosts": strings.Join(p.hosts, "\n") + "\n", "log": ""} {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o755); err != nil { //nolint:gosec // the script is run
			r.t.Fatal(err)
		}
	}
	return c
}

func (c *counter) program() string { return filepath.Join(c.dir, "act") }

// truth lists who is out.
func (c *counter) truth() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(c.dir, "state"))
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	slices.Sort(out)
	return out, err
}

// effects reads the log: an effect applied between its two lines, and one
// without a second line as soon as it began, since nobody can tell.
func (c *counter) effects(pool string) ([]*chaos.Effect, error) {
	f, err := os.Open(filepath.Join(c.dir, "log"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []*chaos.Effect
	open := map[string]*chaos.Effect{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		w := strings.Fields(lines.Text())
		if len(w) != 8 || !strings.HasSuffix(w[7], ".") {
			return nil, fmt.Errorf("the counter's log has a torn line %q", lines.Text())
		}
		nano, err := strconv.ParseInt(w[6], 10, 64)
		if err != nil {
			return nil, err
		}
		at := time.Unix(0, nano).Sub(c.run.began.Round(0))
		if w[0] == "end" {
			if e := open[w[7]]; e != nil {
				e.Applied, e.Unsure = at, false
			}
			continue
		}
		e := &chaos.Effect{Backend: "exec", Pool: pool, Host: w[2], Out: w[1] == "out", Case: w[4], Node: w[5], Came: at, Applied: at, Unsure: true}
		if _, err := fmt.Sscanf(w[3], "%d.%d", &e.Token.Term, &e.Token.Index); err != nil {
			return nil, fmt.Errorf("the counter's log has the token %q: %w", w[3], err)
		}
		open[w[7]] = e
		all = append(all, e)
	}
	return all, nil
}
