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
	data, err := ReadText(path)
	if err != nil {
		return nil, nil, err
	}
	c, report := Parse(path, data, opt)
	return c, report, report.Err()
}

// ReadText reads the text of a configuration, and refuses what Load would refuse
// before it looks at the text.
func ReadText(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a directory: name the file in it", path)
	}
	if perm := info.Mode().Perm(); info.Mode().IsRegular() && perm&0o002 != 0 {
		return nil, fmt.Errorf("%s has mode %#o, and everybody on this machine could promote warden by writing it: run chmod o-w on it", path, perm)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is larger than 4 MiB: is it the right file?", path)
	}
	return data, nil
}

// Parse reads a configuration; name is what the problems call the file. It
// returns a Config exactly when the report holds no error.
func Parse(name string, data []byte, opt Options) (*Config, Report) {
	d, raw := read(name, data)
	if raw == nil {
		return nil, d.problems
	}
	c := &Config{file: name, index: d.index, given: d.given, templates: &templatesRead{}}
	d.table(reflect.ValueOf(c).Elem(), raw, nil)
	v := &validator{decoder: d, config: c, opt: opt}
	v.all()
	d.tooMany()
	d.problems.Sort()
	if d.problems.Count(SeverityError) > 0 {
		return nil, d.problems
	}
	return c, d.problems
}

// read reads a document of TOML; nil when it is none, and then the decoder has
// said why.
func read(name string, data []byte) (*decoder, map[string]any) {
	// Cut to the length, for go-toml derives positions from capacities.
	data = slices.Clip(data)
	d := &decoder{file: name, index: newIndex(data), given: map[string]bool{}, written: map[string]string{}, faulty: map[string]bool{}}
	if d.index.deep.line > 0 {
		d.problem(SeverityError, d.index.deep, nil, "not TOML that warden reads: tables and lists are nested more than %d deep: is it the right file?", maxDepth)
		return d, nil
	}
	if d.index.wide.line > 0 {
		d.problem(SeverityError, d.index.wide, nil, "not TOML that warden reads: a table has more than %d keys: is it the right file?", maxKeys)
		return d, nil
	}
	raw := map[string]any{}
	if err := toml.Unmarshal(data, &raw); err != nil {
		d.syntax(err)
		return d, nil
	}
	return d, raw
}

// syntax reports the one error that the TOML parser stops at. Its message
// quotes single characters of the file at most.
func (d *decoder) syntax(err error) {
	de, ok := errors.AsType[*toml.DecodeError](err)
	if !ok {
		text := strings.TrimPrefix(err.Error(), "toml: ")
		d.problem(SeverityError, position{1, 1}, nil, "not TOML: %s; %s", text, syntaxAdvice(text, ""))
		return
	}
	line, col := de.Position()
	for _, dup := range d.index.duplicates {
		if dup.at.line == line {
			d.problem(SeverityError, dup.at, dup.path, "%s is defined twice, first in line %d: keep one", dotted(dup.path), dup.first.line)
			return
		}
	}
	// A number that is out of range would be repeated after this.
	text, _, _ := strings.Cut(strings.TrimPrefix(de.Error(), "toml: "), ": strconv.")
	d.problem(SeverityError, position{line, col}, nil, "not TOML: %s; %s", text, syntaxAdvice(text, d.index.line(line)))
}

// syntaxAdvice says what to do about an error of the TOML parser. line is the
// one it stands in, to recognize what people write; none of it is repeated.
func syntaxAdvice(text, line string) string {
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
	}
	switch {
	case strings.HasPrefix(line, "\xef\xbb\xbf") || strings.HasPrefix(line, "\xff\xfe") || strings.HasPrefix(line, "\xfe\xff"):
		return "save the file as UTF-8 without a byte order mark"
	case has("UTF-8"):
		return "save the file as UTF-8"
	case has("escape"):
		return `write \\ for a backslash, or put the value in '…', which knows no escapes`
	case has("control character", "U+0000"):
		return "remove the character; a text editor may not show it"
	case has("new lines", "not terminated"):
		return "end the string with the quote it began with"
	case has("incomplete"):
		return "end it with its bracket"
	case has("too large", "too small"):
		return "write a smaller number"
	case has("expected '=' after key"):
		return "write key = value"
	case has("close table name", "start of key", "already exists"):
		return "write key = value, or a header such as [pools.web] once; or is it another file?"
	default:
		return "write texts in quotes, numbers in digits, and one key = value on a line"
	}
}
