package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// TestQueryGraphite asks a Graphite in each form of the command, of a running
// daemon and of the file alone. The server refuses windows that are empty, as
// graphite-web does.
func TestQueryGraphite(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, err := strconv.ParseInt(r.FormValue("from"), 10, 64)
		until, err2 := strconv.ParseInt(r.FormValue("until"), 10, 64)
		w.Header().Set("Content-Type", "application/json")
		switch {
		case err != nil || err2 != nil || from >= until:
			http.Error(w, "Invalid empty time range", http.StatusBadRequest)
		case r.FormValue("target") != "canary.web-1.count":
			http.Error(w, "Invalid parameters (unknown function: nofunc)", http.StatusBadRequest)
		default:
			newest := until - until%10
			_, _ = fmt.Fprintf(w, `[{"target": "canary.web-1.count", "datapoints": [[57, %d], [58, %d], [59, %d]]}]`, newest-10, newest, newest+10)
		}
	}))
	t.Cleanup(srv.Close)
	l := newLive(t)
	l.write(liveConfig + "\n[sources.graphite]\ntype = \"graphite\"\ncanary_target = \"heartbeat\"\nurl = \"" + srv.URL + "\"\n")
	if code, _, talk := l.run("reload"); code != ExitOK {
		t.Fatal(talk)
	}
	for _, where := range [][]string{nil, {"--config", l.config}} {
		ask := func(args ...string) (int, string, string) {
			return l.run(append(append([]string{"query", "graphite"}, args...), where...)...)
		}
		code, out, talk := ask("canary.web-1.count")
		if lines := strings.Split(strings.TrimSpace(out), "\n"); code != ExitOK || len(lines) != 2 || !strings.HasSuffix(lines[1], "  58") {
			t.Errorf("%v: %d %q %s", where, code, out, talk)
		}
		if code, out, talk := ask("canary.web-1.count", "--since", "10m"); code != ExitOK || !strings.Contains(out, "  57") {
			t.Errorf("%v: %d %q %s", where, code, out, talk)
		}
		if code, _, talk := ask("nofunc(a)"); code != ExitError || !strings.Contains(talk, "unknown function: nofunc") {
			t.Errorf("%v: %d %s", where, code, talk)
		}
	}
}
