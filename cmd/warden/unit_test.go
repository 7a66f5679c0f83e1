//go:build integration && !failpoints

package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// maxExposure is the most that `systemd-analyze security` may say of the unit:
// 0 is shut in, 10 may do everything.
const maxExposure = 2.0

// unit makes a directory with the shipped unit, whose program is this build, and
// the drop-ins that are named.
func unit(t *testing.T, dropins ...string) string {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile("../../deploy/warden.service")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "warden.service")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "/usr/bin/warden ", binary()+" ")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range dropins {
		text, err := os.ReadFile("../../deploy/warden.service.d/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(file+".d", 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(file+".d", name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return file
}

// TestUnitVerifies: systemd knows every line of the unit and its drop-ins.
func TestUnitVerifies(t *testing.T) {
	t.Parallel()
	for name, dropins := range map[string][]string{"alone": nil, "with all drop-ins": {"10-haproxy.conf", "20-exec-sudo.conf"}} {
		t.Run(name, func(t *testing.T) {
			file := unit(t, dropins...)
			out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", file).CombinedOutput()
			if err != nil {
				t.Errorf("%v", err)
			}
			// It reads what the machine has installed as well.
			for line := range strings.Lines(string(out)) {
				if strings.Contains(line, "warden") {
					t.Error(strings.TrimSpace(line))
				}
			}
			// It does find things.
			if err := os.WriteFile(file, []byte("[Service]\nExecStart=/bin/true\nNoSuchKey=1\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			out, _ = exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", file).CombinedOutput()
			if !strings.Contains(string(out), "NoSuchKey") {
				t.Errorf("a key that there isn't was not found:\n%s", out)
			}
		})
	}
}

// TestUnitIsShutIn holds the unit to its exposure, offline: what a real systemd
// makes of it is for `make systemd-test`.
func TestUnitIsShutIn(t *testing.T) {
	t.Parallel()
	exposure := regexp.MustCompile(`exposure level for warden\.service: ([0-9.]+)`)
	for name, dropins := range map[string][]string{"alone": nil, "haproxy": {"10-haproxy.conf"}} {
		t.Run(name, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=true", "--no-pager", unit(t, dropins...)).CombinedOutput()
			m := exposure.FindSubmatch(out)
			if err != nil || m == nil {
				t.Fatalf("%v\n%s", err, out)
			}
			got, err := strconv.ParseFloat(string(m[1]), 64)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("exposure %.1f", got)
			if got > maxExposure {
				t.Errorf("exposure %.1f, more than %.1f:\n%s", got, maxExposure, out)
			}
		})
	}
}

// TestUnitKeepsItsPromises: settings that other documents rely on.
func TestUnitKeepsItsPromises(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../deploy/warden.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"Type=notify", "KillMode=mixed", "RestartForceExitStatus=75", "RuntimeDirectoryPreserve=yes",
		"ConditionFileNotEmpty=/etc/warden/warden.toml", "StateDirectoryMode=0700",
	} {
		if !strings.Contains(string(text), "\n"+line+"\n") {
			t.Errorf("the unit doesn't have %s", line)
		}
	}
}
