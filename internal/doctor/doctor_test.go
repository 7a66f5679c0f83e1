package doctor_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/config"
	"warden/internal/doctor"
	"warden/internal/remedy"
)

// shown is a result on one line; and each that is not well says what to do.
func shown(t *testing.T, all ...doctor.Result) string {
	t.Helper()
	var lines []string
	for _, r := range all {
		if (r.Status == doctor.OK) != (r.Fix == "") || r.Seen == "" || strings.Contains(r.Fix, "gap in warden") {
			t.Errorf("what to do is not said, or of something that is well: %+v", r)
		}
		lines = append(lines, string(r.Status)+": "+r.Seen)
	}
	return strings.Join(lines, "\n")
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for want, dates := range map[string][2]time.Duration{
		"fail: it is valid from 2026-11-22 04:00:00 on, and it is 2026-11-22 03:00:00 here": {time.Hour, day}, "fail: it ended at 2026-11-22 03:00:00 UTC": {-day, 0},
		"warn: it ends in 29 days, at 2026-12-22 02:59:59 UTC": {0, 30*day - time.Second}, "ok: valid for 30 more days": {0, 30 * day},
	} {
		if got := shown(t, doctor.Certificate("n1", "make a new one", now.Add(dates[0]), now.Add(dates[1]), now)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestDataDirectory(t *testing.T) {
	t.Parallel()
	const gib = 1 << 30
	for name, test := range map[string]struct {
		mode  fs.FileMode
		free  uint64
		cant  error // to read the room
		write error
		want  string
	}{
		"well":           {mode: 0o700, free: 5 * gib, want: "ok: private, and 5.0 GiB free"},
		"a group reads":  {mode: 0o750, free: 5 * gib, want: "ok: private, and 5.0 GiB free"},
		"a group writes": {mode: 0o770, free: 5 * gib, want: "fail: it has mode 0770: others than its owner can read or change the ledger"},
		"a bit of it":    {mode: 0o700, free: gib - 1, want: "warn: 1.0 GiB free"},
		"full":           {mode: 0o700, free: 64<<20 - 1, want: "fail: 0.1 GiB free"},
		"another's":      {mode: 0o700, free: 5 * gib, write: errors.New("no"), want: "warn: fran can't write to it"},
		"can't tell":     {mode: 0o700, cant: errors.New("stale handle"), want: "unknown: its free room can't be read: stale handle"},
		"all of it":      {mode: 0o755, free: 1, write: errors.New("no"), want: "fail: it has mode 0755: others than its owner can read or change the ledger\nwarn: fran can't write to it\nfail: 0.0 GiB free"},
		"not there":      {want: "unknown: it is not there"},
		"no directory":   {mode: 0o600, want: "fail: it is no directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			switch file := test.mode == 0o600; {
			case test.mode == 0: // it isn't there
			case file:
				if err := os.WriteFile(dir, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			default:
				if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, test.mode)); err != nil {
					t.Fatal(err)
				}
			}
			m := doctor.Machine{Me: func() string { return "fran" }, Free: func(string) (uint64, error) { return test.free, test.cant }, MayWrite: func(string) error { return test.write }}
			if got := shown(t, m.DataDirectory(dir)...); got != test.want {
				t.Errorf("%s\nwant %s", got, test.want)
			}
		})
	}
}

func TestUnit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	etc, lib := filepath.Join(dir, "etc"), filepath.Join(dir, "lib")
	m := doctor.Machine{Units: []string{etc, lib}, Credentials: filepath.Join(dir, "credentials")}
	none := config.Env(func(string) (string, bool) { return "", false })
	look := func() string {
		unit, err := m.Unit()
		return shown(t, append([]doctor.Result{doctor.Systemd(unit, err, m.UnitEnv(none))}, doctor.Privileges(unit, []doctor.Program{{Action: "drain", Path: "/usr/bin/sudo"}, {Action: "drain", Path: "/usr/bin/sudo"}, {Action: "drain", Path: "/nowhere"}})...)...)
	}
	write := func(path, text string) {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	is := func(want string) {
		t.Helper()
		if got := look(); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	const forbids = "\nfail: /usr/bin/sudo becomes another user, which NoNewPrivileges of the unit forbids: it fails whenever warden runs it"
	is("unknown: there is no unit of that name: systemd neither starts nor watches it")
	write(lib, "[Service]\nType=notify\nWatchdogSec=30s\nNoNewPrivileges=yes\n")
	is("ok: it notifies and is watched; no credentials are handed out" + forbids)
	// The first drop-in of a name wins, and the last word of all.
	write(lib+".d/20-sudo.conf", "[Service]\nNoNewPrivileges=yes\n")
	write(etc+".d/20-sudo.conf", "[Service]\nNoNewPrivileges=no\n")
	is("ok: it notifies and is watched; no credentials are handed out")
	write(filepath.Join(dir, "credentials", "x"), "")
	write(etc, "[Service]\nWatchdogSec=30s\n")
	is("warn: it lacks Type=notify, so systemd doesn't notice when warden hangs")
	write(etc, "[Service]\nType=notify\nWatchdogSec=30s\n")
	is("ok: it notifies and is watched; credentials are in " + filepath.Join(dir, "credentials"))
	if got := shown(t, doctor.Systemd("", fs.ErrPermission, none)); !strings.HasPrefix(got, "unknown: the unit can't be read: ") {
		t.Error(got)
	}
	program := filepath.Join(dir, "mine")
	write(program, "")
	if err := os.Chmod(program, 0o700|fs.ModeSetuid); err != nil { //nolint:gosec // it is what is looked for
		t.Fatal(err)
	}
	if got := doctor.Privileges("NoNewPrivileges=true\n", []doctor.Program{{Action: "restart", Path: program}}); len(got) != 1 || got[0].Subject != "restart" {
		t.Errorf("a program with the bit: %+v", got)
	}
}

func TestApprovers(t *testing.T) {
	t.Parallel()
	known := func(names ...string) func(string) error {
		return func(name string) error {
			if slices.Contains(names, name) {
				return nil
			}
			return errors.New("unknown")
		}
	}
	m := doctor.Machine{User: known("sam"), Group: known("oncall")}
	for who, want := range map[string]string{
		"":                     "warn: it has no approvers",
		"sam @oncall":          "ok: 2 of 2 approvers are known here, 0 elsewhere; 1 needed",
		"sam fran":             "warn: nobody on this machine: fran",
		"fran @nobody":         "fail: its approvers are nobody on this machine: fran, @nobody; nobody can say yes here",
		"slack:@ops a@b.c":     "ok: 0 of 2 approvers are known here, 2 elsewhere; 1 needed",
		"slack:U024BE7LH fran": "warn: nobody on this machine: fran",
	} {
		var all []remedy.Approver
		for name := range strings.FieldsSeq(who) {
			all = append(all, remedy.Approver{Match: name})
		}
		if got := shown(t, m.Approvers("drain", all, 0)); got != want {
			t.Errorf("%s: %s, want %s", who, got, want)
		}
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	report := config.Report{{Severity: config.SeverityError, File: "w.toml", Line: 7, Key: "a.b", Text: "b is wrong"}, {Severity: config.SeverityWarning, File: "w.toml", Text: "it is odd"}}
	if got := shown(t, doctor.Problems(report, "well")...); got != "fail: b is wrong\nwarn: it is odd" {
		t.Error(got)
	}
	if got := shown(t, doctor.Problems(nil, "well")...); got != "ok: well" {
		t.Error(got)
	}
}
