package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// The bounds of templates: what is longer is nothing that somebody wrote by hand.
const (
	maxTemplateFiles = 20
	maxTemplateBytes = 16 << 10
)

// Template is a file that templates_glob matched.
type Template struct{ Name, Text string }

// templatesRead are the templates of one config, read once: what is hashed is what
// is used, whatever becomes of the files meanwhile.
type templatesRead struct {
	once sync.Once
	all  []Template
	err  error
}

// Templates are the files of templates_glob, sorted by name; none where it is
// empty or matches none. They are read when they are first asked for, by this or
// by Settings, and stay as they were then. The error says which can't be read, and
// why.
func (c *Config) Templates() ([]Template, error) {
	r := c.templates
	if r == nil { // made by hand, not by Parse
		return c.Chat.Slack.readTemplates()
	}
	r.once.Do(func() { r.all, r.err = c.Chat.Slack.readTemplates() })
	return r.all, r.err
}

// templatesMark fingerprints what templates say, by the names of their files; it
// is empty where there are none. Those that can't be read have a mark of their own.
func (c *Config) templatesMark() string {
	all, err := c.Templates()
	if err != nil {
		return "unreadable"
	}
	if len(all) == 0 {
		return ""
	}
	h := sha256.New()
	for _, t := range all {
		fmt.Fprintf(h, "%q=%q\n", filepath.Base(t.Name), t.Text)
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// readTemplates reads the files.
func (s Slack) readTemplates() ([]Template, error) {
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
