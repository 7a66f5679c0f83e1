package config_test

import (
	"strings"
	"testing"

	"warden/internal/config"
	"warden/internal/remedy"
)

// FuzzParseDuration reads anything as a duration: what is taken is in range and
// is read back as the same.
func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"30s", "1h30m", "7d", "", "5", "-5m", "5 min", "1e99h", "1.5h", "99999999999999999999s", "3650d1ms", "0s0s0s", "5µs", "٥m", "1s\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := config.ParseDuration(s)
		if err != nil {
			if d != 0 || strings.TrimSpace(err.Error()) == "" {
				t.Fatalf("%v, %v", d, err)
			}
			return
		}
		if d < 0 || d.Std().Hours() > 3650*24 {
			t.Fatalf("%q is %v", s, d)
		}
		if back, err := config.ParseDuration(d.String()); err != nil || back != d {
			t.Fatalf("%q is %v, which is read as %v, %v", s, d, back, err)
		}
	})
}

// FuzzProtected takes anything for a pattern of protected hosts: what is
// accepted finds a host that it spells, and never fails when it is asked.
func FuzzProtected(f *testing.F) {
	for _, s := range []string{"web-*", "web-1", "[", "[a-", "\\", "*", "?", "[^w]*", "web-[1-9", "", " ", "w\x00", "**", "[]"} {
		f.Add(s, "web-1")
	}
	f.Fuzz(func(t *testing.T, pattern, host string) {
		if strings.ContainsFunc(pattern, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffd }) {
			return
		}
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(pattern) + `"`
		c, report := config.Parse("f", []byte(strings.Replace(config.Minimal(), "min_in_service", "protected = ["+quoted+"]\nmin_in_service", 1)), options())
		if c == nil {
			if !strings.Contains(report.String(), "protected") {
				t.Fatalf("%q: %s", pattern, report)
			}
			return
		}
		pool := c.Pools["web"]
		by := pool.ProtectedBy(remedy.HostName(host))
		if by != "" && by != pattern {
			t.Fatalf("%q protects %q by %q", pattern, host, by)
		}
		if pattern == host && !strings.ContainsAny(pattern, `*?[\`) && by == "" {
			t.Fatalf("%q does not protect the host of that name", pattern)
		}
	})
}
