//go:build integration && !failpoints

package main_test

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// maxBinary is how large the binary may be. With Slack and PagerDuty, and the
// servers that stand for them in the demo, it is larger than the 25 MB that were
// aimed at: see docs/benchmarks.md, T10.
const maxBinary = 32 << 20

// TestBinaryIsStatic: one file that needs nothing of the machine it runs on.
func TestBinaryIsStatic(t *testing.T) {
	t.Parallel()
	f, err := elf.Open(binary())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the binary has a %v segment: it is linked dynamically", p.Type)
		}
	}
	if f.Section(".debug_info") != nil || f.Section(".symtab") != nil {
		t.Error("the binary is not stripped")
	}
	info, err := os.Stat(binary())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", info.Size())
	if info.Size() > maxBinary {
		t.Errorf("the binary has %d bytes, more than %d", info.Size(), maxBinary)
	}
}

// TestExampleConfig: the shipped example is right, and a misspelt key is named
// with its line and the likely one.
func TestExampleConfig(t *testing.T) {
	t.Parallel()
	const path = "../../config.example.toml"
	if r := command(t, nil, "config", "check", path); r.code != exitOK {
		t.Errorf("config check of the example: exit code %d\n%s%s", r.code, r.out, r.err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, after, found := strings.Cut(string(text), "\nbad_below ")
	if !found {
		t.Fatal("the example has no bad_below")
	}
	broken := filepath.Join(t.TempDir(), "broken.toml")
	if err := os.WriteFile(broken, []byte(before+"\nbad_bellow "+after), 0o600); err != nil {
		t.Fatal(err)
	}
	r := command(t, nil, "config", "check", broken)
	said := r.out + r.err
	if line := position(before); r.code != exitError || !strings.Contains(said, line) || !strings.Contains(said, `"bad_bellow"`) || !strings.Contains(said, `"bad_below"`) {
		t.Errorf("config check, exit code %d, does not name line %s, bad_bellow and bad_below:\n%s", r.code, line, said)
	}
}

// position is how a problem names the line after a text.
func position(before string) string {
	return fmt.Sprintf(":%d:", strings.Count(before, "\n")+2)
}

// TestDemoScript: the whole story offline, on a machine without these servers.
func TestDemoScript(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	r := command(t, []string{"PATH=" + home, "HOME=" + home, "TMPDIR=" + shortDir(t)}, "demo", "--script")
	t.Logf("%s%s", r.out, r.err)
	if r.code != exitOK {
		t.Errorf("exit code %d", r.code)
	}
}
