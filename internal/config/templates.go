package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// The bounds of templates: what is longer is nothing that somebody wrote by hand.
const (
	maxTemplateFiles = 20
	maxTemplateBytes = 16 << 10
)

// Template is a file that templates_glob matched.
type Template struct{ Name, Text string }

// Templates reads the files of templates_glob, sorted by name; none where it is
// empty or matches none. The error says which can't be read, and why.
func (s Slack) Templates() ([]Template, error) {
	if s.TemplatesGlob == "" {
		return nil, nil
	}
	names, err := filepath.Glob(s.TemplatesGlob)
	if err != nil {
		return nil, fmt.Errorf("templates_glob: %w: write a pattern such as \"/etc/warden/templates/*.tmpl\"", err)
	}
	if len(names) > maxTemplateFiles {
		return nil, fmt.Errorf("templates_glob matches %d files, and %d are read: match fewer", len(names), maxTemplateFiles)
	}
	var out []Template
	for _, name := range names {
		text, err := templateText(name)
		if err != nil {
			return nil, fmt.Errorf("templates_glob: %w", err)
		}
		out = append(out, Template{Name: name, Text: text})
	}
	return out, nil
}

// templateText reads one file, which has to be one: nothing waits for a pipe.
func templateText(name string) (string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", fmt.Errorf("%w: let warden's user read it, or remove it", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxTemplateBytes {
		return "", fmt.Errorf("%s is no file of at most %d bytes: match only templates", name, maxTemplateBytes)
	}
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("%w: let warden's user read it, or remove it", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxTemplateBytes+1))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	return string(data), nil
}
