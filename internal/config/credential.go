package config

import (
	"os"
	"path/filepath"
)

// fromDirectory is what systemd puts in front of a credential's name when the
// unit has LoadCredential=warden:DIRECTORY: the ID and "_". The unit has that,
// and not a line for each credential, since one whose file isn't there would
// keep warden from starting.
const fromDirectory = "warden_"

// inCredentials is the file of a credential below systemd's directory: by its
// own name, or by the one that it gets from the unit's directory.
func inCredentials(dir, name string) string {
	file, loaded := filepath.Join(dir, name), filepath.Join(dir, fromDirectory+name)
	if _, err := os.Stat(file); err == nil {
		return file
	}
	if _, err := os.Stat(loaded); err == nil {
		return loaded
	}
	return file
}
