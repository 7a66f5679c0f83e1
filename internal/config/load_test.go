package config_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"warden/internal/config"
)

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	load := func(path string) (*config.Config, config.Report, error) { return config.Load(path, options()) }

	c, report, err := load(fileWith(t, dir, "good.toml", config.Minimal(), 0o644))
	if err != nil || c == nil || len(report) > 0 {
		t.Errorf("the minimal configuration: %v\n%s", err, report)
	}
	c, report, err = load(fileWith(t, dir, "warn.toml", "config_version = 1\n", 0o660))
	if err != nil || c == nil || report.Summary() != "0 errors, 1 warning." {
		t.Errorf("a warning: %v, %s", err, report.Summary())
	}
	c, report, err = load(fileWith(t, dir, "bad.toml", "config_version = 3\nx = 1\n", 0o600))
	if c != nil || !errors.Is(err, config.ErrInvalid) || report.Summary() != "2 errors, 1 warning." || !strings.Contains(err.Error(), "bad.toml:1:18: error: config_version = 3") {
		t.Errorf("two errors: %v, %s", err, report.Summary())
	}
	if _, _, err = load(dir + "/none.toml"); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, config.ErrInvalid) {
		t.Errorf("no file: %v", err)
	}
	if _, _, err = load(fileWith(t, dir, "open.toml", config.Minimal(), 0o666)); err == nil || !strings.Contains(err.Error(), "chmod o-w") {
		t.Errorf("anybody may write it: %v", err)
	}
	if _, _, err = load(dir); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a directory: %v", err)
	}
	if _, _, err = load(fileWith(t, dir, "large.toml", strings.Repeat("#\n", 3<<20), 0o600)); err == nil || !strings.Contains(err.Error(), "4 MiB") {
		t.Errorf("a large file: %v", err)
	}
}

func TestParseDuration(t *testing.T) {
	for in, want := range map[string]string{
		"30s": "30s", "90s": "1m30s", "1h30m": "1h30m", "24h": "24h", "48h": "2d", "7d": "7d", "0s": "0s",
		"500ms": "500ms", "60m": "1h", "400d": "400d", "36h": "1d12h", "1d": "24h",
	} {
		d, err := config.ParseDuration(in)
		if err != nil || d.String() != want {
			t.Errorf("%q: %q, %v; want %q", in, d, err, want)
		}
	}
	for _, in := range []string{"", "5", "s", "-5s", "5 s", "1.5h", "5y", "5m s", "99999999999999999999s", "9999d", "3650d1s", "5M"} {
		if d, err := config.ParseDuration(in); err == nil {
			t.Errorf("%q was read as %q", in, d)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(0, 3650*24*3600*1000).Draw(t, "ms")
		d := config.Duration(ms * 1e6)
		if back, err := config.ParseDuration(d.String()); err != nil || back != d {
			t.Fatalf("%q reads back as %q, %v", d, back, err)
		}
	})
}

// FuzzParse holds Parse to its promises on any input: it does not panic, it
// gives a Config exactly when there is no error, every problem has a place in
// the file and is one line, and what it accepts, it shows and reads back.
func FuzzParse(f *testing.F) {
	f.Add(config.Example())
	f.Add(config.Minimal())
	f.Add("config_version = 1\n[[pools]]\n[pools.x.y]\na.b.c = [{d = 1}, {e = [2]}]\n")
	f.Add("[actions.\"a\\u0000b\"]\r\nx = '''\n'''")
	f.Fuzz(func(t *testing.T, text string) {
		c, report := config.Parse("f", []byte(text), options())
		if (c == nil) != (report.Err() != nil) {
			t.Fatalf("config is nil: %v, but %v", c == nil, report.Err())
		}
		lines := strings.Count(text, "\n") + 1
		for _, p := range report {
			if p.Line < 1 || p.Line > lines || p.Col < 1 || strings.ContainsAny(p.Text, "\n\r\x00") {
				t.Fatalf("%q in %d lines", p.String(), lines)
			}
		}
		config.DocumentedKeys([]byte(text))
		if c == nil || strings.Contains(config.Show(c, true), "<secret>") {
			return
		}
		back, report := config.Parse("back", []byte(config.Show(c, true)), options())
		if back == nil || back.Hash() != c.Hash() {
			t.Fatalf("does not read back: %s\n%s", report, config.Show(c, true))
		}
	})
}
