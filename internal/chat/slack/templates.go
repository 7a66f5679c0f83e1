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
	"time"
	"unicode/utf8"

	"warden/internal/chat"
)

// piece is a part of a message that a template may word. What says what is done,
// what a decision needs and what a lock screen shows is none: nothing can be hidden.
const (
	pieceTitle = "warden.complaint.title"
	pieceFoot  = "warden.card.foot"
	pieceJoke  = "warden.complaint." // and the situation

	pieceGreeting = "warden.summary.greeting"
)

// Pieces are the names of all that templates may define.
func Pieces() []string {
	out := []string{pieceTitle, pieceFoot, pieceGreeting}
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
	mostGreeted = 60
)

// SummaryData is what the greeting of a morning summary may say; what happened is
// said by the facts behind it.
type SummaryData struct {
	// Date is the day, as in 2026-11-20, Weekday its name, and Zone where that is.
	Date, Weekday, Zone string
	// Quiet says that there is nothing to report.
	Quiet bool
}

// dataOf is the type of what a piece may say.
func dataOf(piece string) reflect.Type {
	if piece == pieceGreeting {
		return reflect.TypeFor[SummaryData]()
	}
	return reflect.TypeFor[chat.CardData]()
}

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
		w := &walk{data: dataOf(d.Name())}
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
		for _, d := range samplesFor(name) {
			if _, err := t.words(name, d); err != nil {
				line, said := parseError(err)
				errs = append(errs, &TemplateError{File: t.from[name], Line: line, Text: "on a sample: " + said})
				break
			}
		}
	}
	return errs
}

// samplesFor are what the samples of a piece are about, in three sets: as they
// are, with nothing known, and with names as bad as they come.
func samplesFor(piece string) []any {
	if piece == pieceGreeting {
		worse := SummaryData{Quiet: true}
		hostile(&worse)
		return []any{SummaryData{}, summaryData(SampleMorning()), worse}
	}
	out := []any{chat.CardData{}}
	for _, s := range Samples() {
		if s.Case == nil {
			continue
		}
		d := chat.CardOf(s.Message(), chat.CardOptions{Repeat: s.Repeat}).Data
		worse := d
		hostile(&worse)
		out = append(out, d, worse)
	}
	return out
}

// hostile makes every text of a struct as bad as they come.
func hostile(to any) {
	for _, f := range reflect.ValueOf(to).Elem().Fields() {
		if f.Kind() == reflect.String {
			f.SetString("<!channel> *x* `y` {{ . }} \x1b[31m\n\xff" + strings.Repeat("\u00dfx", 100))
		}
	}
}

// summaryData is what a summary's greeting may say.
func summaryData(m *chat.Morning) SummaryData {
	return SummaryData{Date: m.To.In(m.Location()).Format(time.DateOnly), Weekday: m.To.In(m.Location()).Weekday().String(), Zone: m.Zone, Quiet: m.Quiet}
}

// greet words the greeting at the beginning of a summary's title; the facts behind
// it stay as they are. One that doesn't fit beside them, and the summary of a night
// with a mistake in it, has warden's own.
func (t *Templates) greet(m *chat.Morning) (title string, err error) {
	facts, ok := strings.CutPrefix(m.Title, chat.MorningGreeting)
	if t == nil || !ok || m.Mistakes > 0 {
		return m.Title, nil
	}
	s, err := t.words(pieceGreeting, summaryData(m))
	if err == nil && s != "" && (utf8.RuneCountInString(s) > mostGreeted || utf8.RuneCountInString(plain(s+facts)) > maxHeader) {
		err = fmt.Errorf("it is longer than %d characters, or leaves no place for the facts", mostGreeted)
	}
	if err != nil {
		return m.Title, t.once(pieceGreeting, err)
	}
	if s == "" {
		return m.Title, nil
	}
	return s + facts, nil
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
func (t *Templates) words(name string, d any) (string, error) {
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
