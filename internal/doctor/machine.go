package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"warden/internal/config"
	"warden/internal/remedy"
)

// Problems are what a config's checks have to say, one Result a problem, or one
// that all is well, which well says.
func Problems(report config.Report, well string) []Result {
	var out []Result
	for _, p := range report {
		status := Warn
		if p.Severity == config.SeverityError {
			status = Fail
		}
		where := p.File
		if p.Line > 0 {
			where = fmt.Sprintf("%s:%d", p.File, p.Line)
		}
		out = append(out, Bad(status, p.Key, "mend it at "+where+", as it says; `warden config check --files` looks again", "%s", p.Text))
	}
	if len(out) == 0 {
		out = append(out, Good("", "%s", well))
	}
	return out
}

// soon is how long before its end a certificate is warned of.
const soon = 30 * 24 * time.Hour

// Certificate says how long a certificate is good for.
func Certificate(name, fix string, from, until, now time.Time) Result {
	switch left := until.Sub(now); {
	case now.Before(from):
		return Bad(Fail, name, "correct this machine's clock, or make the certificate anew", "it is valid from %s on, and it is %s here", from.UTC().Format(time.DateTime), now.UTC().Format(time.DateTime))
	case left <= 0:
		return Bad(Fail, name, fix, "it ended at %s UTC", until.UTC().Format(time.DateTime))
	case left < soon:
		return Bad(Warn, name, fix, "it ends in %d days, at %s UTC", int(left/(24*time.Hour)), until.UTC().Format(time.DateTime))
	default:
		return Good(name, "valid for %d more days", int(left/(24*time.Hour)))
	}
}

// The room that the data directory needs: below the one it is said, below the
// other snapshots may not fit.
const (
	roomWarn = 1 << 30
	roomFail = 64 << 20
)

// Machine is what the checks read of the machine that they run on, so that they
// can be tried on any. A field that is nil, or empty, is this machine's own.
type Machine struct {
	// User and Group are nil for a name that is known.
	User  func(name string) error
	Group func(name string) error
	// Me names who runs this.
	Me func() string
	// MayWrite is nil where who runs this may read, write and enter a directory.
	MayWrite func(dir string) error
	// Free is how many bytes anybody but root may still write below a directory.
	Free func(dir string) (uint64, error)
	// Units are the files where a unit of systemd may be, the one that wins first, and
	// Credentials is the directory with the credentials of the running one.
	Units       []string
	Credentials string
}

// OrThis fills in what is left out with what this machine has.
func (m Machine) OrThis() Machine {
	if m.User == nil {
		m.User = func(name string) error { _, err := user.Lookup(name); return err }
	}
	if m.Group == nil {
		m.Group = func(name string) error { _, err := user.LookupGroup(name); return err }
	}
	if m.Me == nil {
		m.Me = whoami
	}
	if m.MayWrite == nil {
		m.MayWrite = func(dir string) error { return unix.Access(dir, unix.R_OK|unix.W_OK|unix.X_OK) }
	}
	if m.Free == nil {
		m.Free = free
	}
	if m.Units == nil {
		m.Units = []string{"/etc/systemd/system/warden.service", "/run/systemd/system/warden.service", "/usr/local/lib/systemd/system/warden.service", "/usr/lib/systemd/system/warden.service", "/lib/systemd/system/warden.service"}
	}
	if m.Credentials == "" {
		m.Credentials = "/run/credentials/warden.service"
	}
	return m
}

func free(dir string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return st.Bavail * uint64(st.Bsize), nil //nolint:gosec // block sizes are positive
}

// whoami is the user that runs this.
func whoami() string {
	u, err := user.Current()
	if err != nil {
		return fmt.Sprintf("user %d", os.Getuid())
	}
	return u.Username
}

// DataDirectory looks at the directory of the ledger: whose it is, who else may
// use it, and how much room there is.
func (m Machine) DataDirectory(dir string) []Result {
	m = m.OrThis()
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []Result{Bad(Unknown, dir, "give the agent's directory with --storage.path; the agent makes it when it starts", "it is not there")}
	case err != nil:
		return []Result{Bad(Unknown, dir, "run this as warden's user or root", "it can't be looked at: %v", bare(err))}
	case !info.IsDir():
		return []Result{Bad(Fail, dir, "give the agent's directory with --storage.path", "it is no directory")}
	}
	var out []Result
	if perm := info.Mode().Perm(); perm&0o027 != 0 {
		out = append(out, Bad(Fail, dir, "run chmod 700 on it", "it has mode %#o: others than its owner can read or change the ledger", perm))
	}
	if err := m.MayWrite(dir); err != nil {
		out = append(out, Bad(Warn, dir, "run this as warden's user; if that is who you are, give the directory to it", "%s can't write to it", m.Me()))
	}
	free, err := m.Free(dir)
	if err != nil {
		return append(out, Bad(Unknown, dir, "run df on it", "its free room can't be read: %v", bare(err)))
	}
	room := fmt.Sprintf("%.1f GiB free", float64(free)/(1<<30))
	switch {
	case free < roomFail:
		out = append(out, Bad(Fail, dir, "make room, or move it: a full disk takes this node out of the cluster", "%s", room))
	case free < roomWarn:
		out = append(out, Bad(Warn, dir, "make room before it is full: a full disk takes this node out of the cluster", "%s", room))
	case len(out) == 0:
		out = append(out, Good(dir, "private, and %s", room))
	}
	return out
}

// UnitEnv is the environment as the unit has it, as far as that can be told from
// outside: bare names of secrets are looked up where systemd put them for the
// running unit.
func (m Machine) UnitEnv(env config.Env) config.Env {
	where := m.OrThis().Credentials
	return func(name string) (string, bool) {
		v, ok := env(name)
		if name == "CREDENTIALS_DIRECTORY" && (!ok || v == "") {
			if _, err := os.Stat(where); err == nil {
				return where, true
			}
		}
		return v, ok
	}
}

// Systemd looks how the service manager and warden know of each other: unit is
// the text of the unit, or the error with which it can't be read.
func Systemd(unit string, err error, env config.Env) Result {
	const name = "warden.service"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Bad(Unknown, name, "install the package's unit, or start the agent by what you use instead", "there is no unit of that name: systemd neither starts nor watches it")
	case err != nil:
		return Bad(Unknown, name, "run this as root", "the unit can't be read: %v", bare(err))
	}
	var missing []string
	for _, want := range []string{"Type=notify", "WatchdogSec="} {
		if !strings.Contains(unit, "\n"+want) {
			missing = append(missing, want)
		}
	}
	if len(missing) > 0 {
		return Bad(Warn, name, "take the package's unit, and put what is your own into a drop-in: systemctl edit warden", "it lacks %s, so systemd doesn't notice when warden hangs", strings.Join(missing, " and "))
	}
	where := "no credentials are handed out"
	if dir, ok := env("CREDENTIALS_DIRECTORY"); ok && dir != "" {
		where = "credentials are in " + dir
	}
	return Good(name, "it notifies and is watched; %s", where)
}

// Unit reads the unit that systemd uses, with its drop-ins, or tells why it can't:
// fs.ErrNotExist where there is none.
func (m Machine) Unit() (string, error) {
	units := m.OrThis().Units
	for _, f := range units {
		b, err := os.ReadFile(filepath.Clean(f))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return "", err
		}
		return string(b) + dropIns(units), nil
	}
	return "", fs.ErrNotExist
}

// Approvers says which of an action's approvers this machine knows. What another
// surface knows, such as a Slack user, is looked at there. Needed is how many have
// to say yes.
func (m Machine) Approvers(action string, all []remedy.Approver, needed int) Result {
	m = m.OrThis()
	var known, elsewhere int
	var nobody []string
	for _, a := range all {
		var err error
		switch name, group := strings.CutPrefix(a.Match, "@"); {
		case strings.Contains(name, ":") || strings.Contains(name, "@"):
			elsewhere++
			continue
		case group:
			err = m.Group(name)
		default:
			err = m.User(name)
		}
		if err != nil {
			nobody = append(nobody, a.Match)
			continue
		}
		known++
	}
	const fix = "mend the name, or make the user or group; what this machine gets from LDAP or SSSD, a static binary may not see: `getent passwd NAME`"
	switch {
	case len(all) == 0:
		return Bad(Warn, action, "add approvers to the action, or to [approvals]: it can't go above notify without", "it has no approvers")
	case known+elsewhere == 0:
		return Bad(Fail, action, fix, "its approvers are nobody on this machine: %s; nobody can say yes here", strings.Join(nobody, ", "))
	case len(nobody) > 0:
		return Bad(Warn, action, fix, "nobody on this machine: %s", strings.Join(nobody, ", "))
	}
	return Good(action, "%d of %d approvers are known here, %d elsewhere; %d needed", known, len(all), elsewhere, max(needed, 1))
}

// bare is an error without the path that is said already.
func bare(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}
