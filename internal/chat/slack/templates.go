package slack

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"text/template"
	"text/template/parse"
	"unicode/utf8"

	"warden/internal/chat"
)

// piece is a part of a message that a template may word. What says what is done,
// what a decision needs and what a lock screen shows is none: nothing can be hidden.
const (
	pieceTitle = "warden.complaint.title"
	pieceFoot  = "warden.card.foot"
	pieceJoke  = "warden.complaint." // and the situation
)

// Pieces are the names of all that templates may define.
func Pieces() []string {
	out := []string{pieceTitle, pieceFoot}
	for _, j := range chat.Jokes() {
		out = append(out, pieceJoke+j)
	}
	return out
}

// The bounds of templates. A piece has neither loops nor calls of others, so that
// what it takes is bounded by its length.
const (
	maxTemplate = 16 << 10 // bytes of a file
	mostWorded  = 4096     // bytes of what a template writes
	mostLine    = 200      // characters of what is shown of it
	mostTitle   = 140
)

// TemplateFile is a file with templates.
type TemplateFile struct{ Name, Text string }

// TemplateError is what is wrong with a template: where, and what to do.
type TemplateError struct {
	File string
	Line int
	Text string
}

// Error implements error.
func (e *TemplateError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text) }

// Templates word pieces of messages. A nil one words none. It is safe for
// concurrent use.
type Templates struct {
	pieces map[string]*template.Template
	from   map[string]string // the file of each piece

	mu     sync.Mutex
	failed map[string]bool
}

// ParseTemplates reads templates, and renders each on samples with names as bad as
// they come. Errors are all that is wrong, each a *TemplateError.
func ParseTemplates(files []TemplateFile) (*Templates, []error) {
	t := &Templates{pieces: map[string]*template.Template{}, from: map[string]string{}, failed: map[string]bool{}}
	var errs []error
	for _, f := range files {
		errs = append(errs, t.add(f)...)
	}
	if len(errs) > 0 {
		return nil, errs
	}
	if errs = t.try(); len(errs) > 0 {
		return nil, errs
	}
	return t, nil
}

func (t *Templates) add(f TemplateFile) []error {
	one := func(line int, format string, args ...any) error {
		return &TemplateError{File: f.Name, Line: line, Text: fmt.Sprintf(format, args...)}
	}
	if len(f.Text) > maxTemplate || !utf8.ValidString(f.Text) {
		return []error{one(1, "it is no UTF-8 text of at most %d bytes: shorten it", maxTemplate)}
	}
	set, err := template.New("file").Funcs(templateFuncs()).Parse(f.Text)
	if err != nil {
		line, said := parseError(err)
		return []error{one(line, "%s", said)}
	}
	lineAt := func(pos parse.Pos) int { return 1 + strings.Count(f.Text[:min(int(pos), len(f.Text))], "\n") }
	var errs []error
	for _, d := range set.Templates() {
		if d.Tree == nil || d.Name() == "file" {
			if d.Tree != nil && !parse.IsEmptyTree(d.Root) {
				errs = append(errs, one(lineAt(d.Root.Pos), "text outside of {{ define }} is shown nowhere: remove it, or put it into a piece"))
			}
			continue
		}
		line := lineAt(d.Root.Pos)
		switch was, twice := t.from[d.Name()]; {
		case !slices.Contains(Pieces(), d.Name()):
			errs = append(errs, one(line, "there is no piece %q: define one of %s", d.Name(), strings.Join(Pieces(), ", ")))
			continue
		case twice:
			errs = append(errs, one(line, "%s is defined in %s already: remove one", d.Name(), was))
			continue
		}
		w := &walk{}
		w.node(d.Root)
		for _, bad := range w.bad {
			errs = append(errs, one(lineAt(bad.pos), "%s: %s", d.Name(), bad.said))
		}
		t.pieces[d.Name()], t.from[d.Name()] = d, f.Name
	}
	return errs
}

// parseError is the line and the words of an error of text/template's, which
// begins with "template: file:3: ".
func parseError(err error) (int, string) {
	said := strings.TrimPrefix(err.Error(), "template: ")
	at, rest, ok := strings.Cut(said, ": ")
	line := 1
	if _, n, found := strings.Cut(at, ":"); ok && found {
		if _, err := fmt.Sscanf(n, "%d", &line); err == nil {
			said = rest
		}
	}
	return line, strings.Join(strings.Fields(chat.Clean(said)), " ")
}

// try renders all on the samples.
func (t *Templates) try() []error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(t.pieces)) {
		for _, d := range sampleData() {
			if _, err := t.words(name, d); err != nil {
				line, said := parseError(err)
				errs = append(errs, &TemplateError{File: t.from[name], Line: line, Text: "on a sample: " + said})
				break
			}
		}
	}
	return errs
}

// sampleData are what the samples are about, in three sets: as they are, with
// nothing known, and with names as bad as they come.
func sampleData() []chat.CardData {
	out := []chat.CardData{{}}
	for _, s := range Samples() {
		if s.Case == nil {
			continue
		}
		d := chat.CardOf(s.Message(), chat.CardOptions{Repeat: s.Repeat}).Data
		worse := d
		v := reflect.ValueOf(&worse).Elem()
		for _, f := range v.Fields() {
			if f.Kind() == reflect.String {
				f.SetString("<!channel> *x* `y` {{ . }} \x1b[31m\n\xff" + strings.Repeat("\u00dfx", 100))
			}
		}
		out = append(out, d, worse)
	}
	return out
}

// apply words a card's pieces. Where one fails the card keeps its own words, and
// the first failure of a piece is returned.
func (t *Templates) apply(k chat.Card) (chat.Card, error) {
	if t == nil || k.Data == (chat.CardData{}) {
		return k, nil
	}
	var errs []error
	word := func(name string) string {
		s, err := t.words(name, k.Data)
		if err != nil {
			errs = append(errs, t.once(name, err))
		}
		return s
	}
	if k.State == chat.CardComplaint {
		if s := word(pieceTitle); strings.Contains(s, k.Data.Host) && utf8.RuneCountInString(s) <= mostTitle {
			k.Title = s
		} else if s != "" {
			errs = append(errs, t.once(pieceTitle, errors.New("it has no host's name in it, or is longer than a title")))
		}
	}
	if k.Joke != "" { // one where there is one: tones and what is serious hold for templates too
		if s := word(pieceJoke + k.JokeOf); s != "" {
			k.Joke = short(s, mostLine)
		}
	}
	if s := word(pieceFoot); s != "" {
		k.Foot = append(slices.Clone(k.Foot), short(s, mostLine))
	}
	return k, errors.Join(errs...)
}

// once is an error of a piece, the first time.
func (t *Templates) once(name string, err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed[name] {
		return nil
	}
	t.failed[name] = true
	return fmt.Errorf("%s of %s: %w", name, t.from[name], err)
}

// words is what a piece says, in one line; empty where it is not defined.
func (t *Templates) words(name string, d chat.CardData) (string, error) {
	p, ok := t.pieces[name]
	if !ok {
		return "", nil
	}
	var b atMost
	if err := p.Execute(&b, d); err != nil {
		return "", err
	}
	return chat.Clean(strings.Join(strings.Fields(b.String()), " ")), nil
}

// atMost is a buffer that refuses more than a message can show.
type atMost struct{ bytes.Buffer }

// Write implements io.Writer.
func (b *atMost) Write(p []byte) (int, error) {
	if b.Len()+len(p) > mostWorded {
		return 0, fmt.Errorf("it says more than %d bytes", mostWorded)
	}
	return b.Buffer.Write(p)
}
