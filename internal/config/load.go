package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// version is the config_version that this build reads.
const version = 1

// maxFile is the size of the largest configuration that is read: 4 MiB.
const maxFile = 4 << 20

// Options are what Parse can't know by itself.
type Options struct {
	// IsSelector reports whether a query is a plain selector of series, whose
	// samples tell their own age, and not an expression over some. Nil leaves
	// the checks that need it out.
	IsSelector func(query string) bool
}

// Load reads and parses the file at path. The error is nil exactly when there
// is a Config. It wraps ErrInvalid when the file was read and is wrong, and
// then Report says all there is to say; otherwise the file could not be read,
// or may not be trusted because anybody could have written it. Warnings come
// with a nil error.
func Load(path string, opt Options) (*Config, Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the configuration: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if info.IsDir() {
		return nil, nil, fmt.Errorf("%s is a directory: name the file in it", path)
	}
	if perm := info.Mode().Perm(); info.Mode().IsRegular() && perm&0o002 != 0 {
		return nil, nil, fmt.Errorf("%s has mode %#o, and everybody on this machine could promote warden by writing it: run chmod o-w on it", path, perm)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if len(data) > maxFile {
		return nil, nil, fmt.Errorf("%s is larger than 4 MiB: is it the right file?", path)
	}
	c, report := Parse(path, data, opt)
	return c, report, report.Err()
}

// Parse reads a configuration; name is what the problems call the file. It
// returns a Config exactly when the report holds no error.
func Parse(name string, data []byte, opt Options) (*Config, Report) {
	// Cut to the length, for go-toml derives positions from capacities.
	data = slices.Clip(data)
	d := &decoder{file: name, index: newIndex(data), given: map[string]bool{}, faulty: map[string]bool{}}
	var raw map[string]any
	if err := toml.Unmarshal(data, &raw); err != nil {
		d.syntax(err)
		return nil, d.problems
	}
	c := &Config{file: name, index: d.index, given: d.given}
	d.table(reflect.ValueOf(c).Elem(), raw, nil)
	v := &validator{decoder: d, config: c, opt: opt}
	v.all()
	d.problems.Sort()
	if d.problems.Count(SeverityError) > 0 {
		return nil, d.problems
	}
	return c, d.problems
}

// syntax reports the one error that the TOML parser stops at. Its message
// quotes single characters of the file at most.
func (d *decoder) syntax(err error) {
	de, ok := errors.AsType[*toml.DecodeError](err)
	if !ok {
		d.problem(SeverityError, position{1, 1}, nil, "not TOML: %s", strings.TrimPrefix(err.Error(), "toml: "))
		return
	}
	line, col := de.Position()
	for _, dup := range d.index.duplicates {
		if dup.at.line == line {
			d.problem(SeverityError, dup.at, dup.path, "%s is defined twice; the first is in line %d", dotted(dup.path), dup.first.line)
			return
		}
	}
	// A number that is out of range would be repeated after this.
	text, _, _ := strings.Cut(strings.TrimPrefix(de.Error(), "toml: "), ": strconv.")
	d.problem(SeverityError, position{line, col}, nil, "not TOML: %s", text)
}
