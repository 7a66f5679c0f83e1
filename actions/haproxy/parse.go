package haproxy

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"warden/internal/remedy"
)

// adminState is HAProxy's srv_admin_state: a set of bits.
type adminState uint

// The bits of adminState, as HAProxy's management guide lists them. The forced
// ones are what `set server … state` sets, and a `disabled` in the
// configuration or an agent's answer; the others come and go by themselves.
const (
	forcedMaint    adminState = 0x01
	inheritedMaint adminState = 0x02 // a tracked server is in maintenance
	forcedDrain    adminState = 0x08
	inheritedDrain adminState = 0x10 // a tracked server is drained
	resolvedMaint  adminState = 0x20 // its name does not resolve
)

// word is what was forced on the server: the only part of its administrative
// state that an action sets and an undo restores.
func (s adminState) word() string {
	switch {
	case s&forcedMaint != 0:
		return StateMaint
	case s&forcedDrain != 0:
		return StateDrain
	default:
		return StateReady
	}
}

// keepsOut reports whether any cause, forced or not, keeps new traffic away.
func (s adminState) keepsOut() bool {
	return s&(forcedMaint|inheritedMaint|forcedDrain|inheritedDrain|resolvedMaint) != 0
}

// opState is HAProxy's srv_op_state.
type opState uint

const (
	opStarting opState = 1 // up, slowly taking more
	opRunning  opState = 2 // up, or not checked
	opLast     opState = 3 // 0 is down; 3 is up but leaving (NOLB)
)

// server is one line of `show servers state`.
type server struct {
	backendID string
	backend   string
	name      string
	admin     adminState
	op        opState
	weight    int64
	// age is the time since the server's last change, in whole seconds.
	age time.Duration
}

func (s server) path() string { return s.backend + "/" + s.name }

// up reports whether checks and administrators let the server take traffic.
func (s server) up() bool {
	return (s.op == opStarting || s.op == opRunning) && !s.admin.keepsOut()
}

// stat is what Observe needs of one server's line in `show stat`.
type stat struct {
	status         string
	sessions, rate remedy.Fact[int64]
}

// stateVersion is the only format of `show servers state` there has been.
const stateVersion = "1"

// parseStates reads the reply to `show servers state <backend>`. A line it
// can't read makes the whole reply unusable: nothing is guessed.
func parseStates(reply, backend string) ([]server, error) {
	lines := strings.Split(strings.TrimSpace(reply), "\n")
	if lines[0] != stateVersion {
		return nil, fmt.Errorf("show servers state begins with %q and not with the format version %s", quote(lines[0]), stateVersion)
	}
	if len(lines) < 2 || !strings.HasPrefix(lines[1], "# ") {
		return nil, errors.New("show servers state has no line of column names")
	}
	columns := strings.Fields(lines[1][2:])
	var servers []server
	for _, line := range lines[2:] {
		if line == "" {
			continue
		}
		srv, err := parseState(columns, strings.Fields(line))
		if err != nil {
			return nil, fmt.Errorf("show servers state: %w in %q", err, quote(line))
		}
		if srv.backend == backend {
			servers = append(servers, srv)
		}
	}
	return servers, nil
}

func parseState(columns, values []string) (server, error) {
	if len(values) < len(columns) {
		return server{}, fmt.Errorf("%d values for %d columns", len(values), len(columns))
	}
	row := make(map[string]string, len(columns))
	for i, column := range columns {
		row[column] = values[i]
	}
	var failed error
	number := func(column string) uint64 {
		n, err := strconv.ParseUint(row[column], 10, 32)
		if err != nil && failed == nil {
			failed = fmt.Errorf("no number in column %s", column)
		}
		return n
	}
	srv := server{
		backendID: row["be_id"], backend: row["be_name"], name: row["srv_name"],
		admin: adminState(number("srv_admin_state")), op: opState(number("srv_op_state")),
		weight: int64(number("srv_uweight")),
		age:    time.Duration(number("srv_time_since_last_change")) * time.Second,
	}
	switch {
	case failed != nil:
		return server{}, failed
	case srv.op > opLast:
		return server{}, fmt.Errorf("%d is not an operational state", srv.op)
	case !validName.MatchString(srv.name) || !validName.MatchString(srv.backend):
		return server{}, errors.New("no valid name")
	}
	return srv, nil
}

// parseStats reads the reply to `show stat` and returns the servers of the
// backend by name. Empty cells are unknown.
func parseStats(reply, backend string) (map[string]stat, error) {
	text, ok := strings.CutPrefix(strings.TrimSpace(reply), "# ")
	if !ok {
		return nil, errors.New("show stat has no line of column names")
	}
	r := csv.NewReader(strings.NewReader(text))
	r.LazyQuotes = true
	r.FieldsPerRecord = -1
	columns, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("show stat: %w", err)
	}
	index := make(map[string]int, len(columns))
	for i, column := range columns {
		index[column] = i
	}
	needed := 0
	for _, column := range []string{"pxname", "svname", "scur", "rate", "status"} {
		i, ok := index[column]
		if !ok {
			return nil, fmt.Errorf("show stat has no column %s", column)
		}
		needed = max(needed, i)
	}
	stats := map[string]stat{}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return stats, nil
		}
		if err != nil {
			return nil, fmt.Errorf("show stat: %w", err)
		}
		// Lines end with a comma on some versions and without on others, but none
		// ends before what is read here.
		if len(row) < len(columns)-1 || len(row) <= needed {
			return nil, fmt.Errorf("show stat has %d values for %d columns", len(row), len(columns))
		}
		if row[index["pxname"]] != backend {
			continue
		}
		stats[row[index["svname"]]] = stat{
			status:   row[index["status"]],
			sessions: count(row[index["scur"]], "sessions"),
			rate:     count(row[index["rate"]], "a session rate"),
		}
	}
}

func count(cell, what string) remedy.Fact[int64] {
	n, err := strconv.ParseInt(cell, 10, 64)
	if err != nil || n < 0 {
		return remedy.Unknown[int64]("HAProxy reports no " + what + " for this server")
	}
	return remedy.Known(n)
}

// process is what `show info` says of the HAProxy process.
type process struct {
	version string
	pid     string
	start   string // Start_time_sec; empty where HAProxy doesn't tell it
	uptime  time.Duration
	known   bool
}

func parseInfo(reply string) process {
	var p process
	for line := range strings.Lines(reply) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "Version":
			p.version = value
		case "Pid":
			if _, err := strconv.ParseUint(value, 10, 32); err == nil {
				p.pid = value
			}
		case "Start_time_sec":
			if _, err := strconv.ParseUint(value, 10, 64); err == nil {
				p.start = value
			}
		case "Uptime_sec":
			n, err := strconv.ParseUint(value, 10, 32)
			p.known = err == nil
			p.uptime = time.Duration(n) * time.Second
		}
	}
	return p
}

// life identifies the process. A number of a process alone may come again, as
// it does in a container, so it takes the start as well; without either a
// reload can't be told from a person's hand.
func (p process) life(now time.Time) remedy.Fact[remedy.Life] {
	if p.pid == "" || p.start == "" || !p.known {
		return remedy.Unknown[remedy.Life]("HAProxy's show info doesn't tell its process, its start and its uptime, so a reload can't be told from a person's hand")
	}
	return remedy.Known(remedy.Life{ID: "pid " + p.pid + " started " + p.start, Since: now.Add(-p.uptime).UTC().Round(0)})
}
