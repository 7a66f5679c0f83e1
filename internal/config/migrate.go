package config

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// migration takes a file from one config_version to the next. It changes what
// it must and leaves every other byte as it is.
type migration struct {
	from int
	does string
	step func(text []byte) []byte
}

// migrations are all steps, by version. A file without a config_version counts
// as version 0.
func migrations() []migration {
	return []migration{
		{0, "config_version = 1 is added above everything else", addVersion},
	}
}

// Migrate brings the text of a configuration to the version that this build
// reads, comments and all, and says what it did; nothing when it is current
// already. The result is not checked: see Parse. Its error says what to do.
func Migrate(text []byte) ([]byte, []string, error) {
	from, err := versionOf(text)
	if err != nil {
		return nil, nil, err
	}
	if from > version {
		return nil, nil, fmt.Errorf("config_version = %d is of a newer warden, and this build knows up to %d: install the warden that it was written for", from, version)
	}
	var did []string
	for _, m := range migrations() {
		if m.from >= from && m.from < version {
			text = m.step(text)
			did = append(did, m.does)
		}
	}
	return text, did, nil
}

// versionOf reads the config_version; 0 when there is none.
func versionOf(text []byte) (int, error) {
	var raw map[string]any
	if err := toml.Unmarshal(bytes.Clone(text), &raw); err != nil {
		return 0, fmt.Errorf("it is not TOML, so its version can't be read: run `warden config check` on it first")
	}
	v, there := raw["config_version"]
	n, whole := v.(int64)
	switch {
	case !there:
		return 0, nil
	case !whole || n < 1:
		return 0, fmt.Errorf("config_version must be a whole number of 1 or more: write config_version = %d if it was made for this build", version)
	}
	return int(min(n, 1<<30)), nil
}

// addVersion puts the version above everything else, but below a line that
// editors look for at the top ("#:schema …"), and ends its line as the file
// does.
func addVersion(text []byte) []byte {
	end := "\n"
	if bytes.Contains(text, []byte("\r\n")) {
		end = "\r\n"
	}
	at := 0
	for bytes.HasPrefix(text[at:], []byte("#:")) {
		i := bytes.IndexByte(text[at:], '\n')
		if i < 0 {
			break
		}
		at += i + 1
	}
	line := strings.Join([]string{"config_version = 1", ""}, end)
	return bytes.Join([][]byte{text[:at], []byte(line), text[at:]}, nil)
}
