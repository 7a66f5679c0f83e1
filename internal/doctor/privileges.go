package doctor

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Program is one that an action starts.
type Program struct{ Action, Path string }

// Privileges looks whether programs that become somebody else, such as sudo, can
// do so in the unit: under NoNewPrivileges they fail each time, with words that
// say something else. Unit is the unit's text with its drop-ins. One Result for
// each program that would fail; none where all is well.
func Privileges(unit string, programs []Program) []Result {
	no := false
	for line := range strings.Lines(unit) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "NoNewPrivileges="); ok {
			no = slices.Contains([]string{"yes", "true", "on", "1"}, strings.ToLower(strings.TrimSpace(v)))
		}
	}
	var out []Result
	seen := map[Program]bool{}
	for _, p := range programs {
		if !no || seen[p] || !becomesAnother(p.Path) {
			continue
		}
		seen[p] = true
		out = append(out, Bad(Fail, p.Action, "have the action talk to an API with a credential, or take the drop-in 20-exec-sudo.conf, which says what is given up with it",
			"%s becomes another user, which NoNewPrivileges of the unit forbids: it fails whenever warden runs it", p.Path))
	}
	return out
}

// becomesAnother reports whether a program changes its user: one that is known for
// it, or that has the bit for it.
func becomesAnother(path string) bool {
	if slices.Contains([]string{"sudo", "su", "doas", "pkexec", "runuser"}, filepath.Base(path)) {
		return true
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0
}

// dropIns are the texts of the drop-ins of a unit that may be at any of some
// paths, in the order in which systemd reads them: by their names, and of those
// with one name the first.
func dropIns(units []string) string {
	first := map[string]string{}
	for _, u := range units {
		found, err := filepath.Glob(filepath.Join(u+".d", "*.conf"))
		if err != nil {
			continue
		}
		for _, f := range found {
			if _, ok := first[filepath.Base(f)]; !ok {
				first[filepath.Base(f)] = f
			}
		}
	}
	names := make([]string, 0, len(first))
	for name := range first {
		names = append(names, name)
	}
	slices.Sort(names)
	var text strings.Builder
	for _, name := range names {
		if b, err := os.ReadFile(filepath.Clean(first[name])); err == nil {
			text.WriteString("\n" + string(b))
		}
	}
	return text.String()
}
