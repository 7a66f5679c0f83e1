package config

import (
	"os"
	"path/filepath"
	"testing"
)

// TestCredentialPath: a credential is found by its own name, or by the one that
// the unit's LoadCredential=warden:DIRECTORY gives it; a line of its own in a
// drop-in wins.
func TestCredentialPath(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"own", "both", "warden_both", "warden_loaded", "warden"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := func(string) (string, bool) { return dir, true }
	for name, want := range map[string]string{
		"own":       filepath.Join(dir, "own"),
		"both":      filepath.Join(dir, "both"),
		"loaded":    filepath.Join(dir, "warden_loaded"),
		"nowhere":   filepath.Join(dir, "nowhere"),
		"/etc/file": "/etc/file",
	} {
		if got, err := CredentialPath(name, env); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	if _, err := CredentialPath("own", func(string) (string, bool) { return "", false }); err == nil {
		t.Error("a bare name without a directory was taken")
	}
}
