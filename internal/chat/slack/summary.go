package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	api "github.com/slack-go/slack"
	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// summaryPrefix is what the keys of summaries begin with.
const summaryPrefix = "summary/"

// The bounds of a summary. Its blocks stay below maxBlocks with every part there,
// its text below what all blocks of a message may hold; the rest is in the thread.
const (
	mostActed   = 9    // items with buttons of their own, two blocks each
	mostSummary = 4000 // characters of all items
	mostItem    = 400  // and of one
	mostMore    = 120
	mostDrawn   = 1000
	maxChart    = 50 // a chart's title
	maxSeries   = 6
	maxPoints   = 20
	maxName     = 20 // of a series or a category
)

// reviewFor is how long a summary is kept up to date, and reviewEvery how often it
// is looked at for that, but that who tapped sees it at once.
const (
	reviewFor   = 4 * 24 * time.Hour
	reviewEvery = time.Minute
	reviewMost  = 2
)

// reviews are the summaries that were told lately, which may say something else
// by now, such as after somebody's word on a case.
func (s *Slack) reviews(owed chat.Owed, jobs []job) []job {
	if owed.Morning == nil {
		return nil
	}
	var posts []ledger.Post
	for _, p := range owed.Posts {
		again := slices.ContainsFunc(jobs, func(j job) bool { return j.key == p.Key })
		if strings.HasPrefix(p.Key, summaryPrefix) && p.ID != "" && !again && owed.Now.Sub(p.At) < reviewFor {
			posts = append(posts, p)
		}
	}
	slices.SortFunc(posts, func(a, b ledger.Post) int { return strings.Compare(b.Key, a.Key) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(posts) == 0 || !s.reviewed.IsZero() && s.Clock.Since(s.reviewed) < reviewEvery {
		return nil
	}
	s.reviewed = s.Clock.Now()
	var out []job
	for _, p := range posts[:min(len(posts), reviewMost)] {
		n := ledger.Notice{Kind: ledger.NoticeSummary, Detail: strings.TrimPrefix(p.Key, summaryPrefix), At: p.At}
		if m := owed.Morning(n.Detail); m != nil && !m.Skip {
			out = append(out, job{key: p.Key, m: chat.Message{Notice: n, Morning: m}, oldest: owed.Now})
		}
	}
	return out
}

// lookAgain has summaries looked at in the next round: somebody has just answered
// in one.
func (s *Slack) lookAgain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reviewed = time.Time{}
}

// summary posts a morning summary, or edits the one that is there where somebody's
// word or deed has changed what it says.
func (r *round) summary(ctx context.Context, j job, post ledger.Post, posted bool) error {
	m := j.m.Morning
	if m.Skip {
		r.got.Unwanted += len(j.seqs)
		r.got.Seqs = append(r.got.Seqs, j.seqs...)
		return nil
	}
	mark := stampOf(m) + "." + r.x.signer.id // a new token signs its buttons anew
	if posted && post.Hash == mark {
		r.told(j, post, mark, nil, false)
		return nil
	}
	links := func(id remedy.CaseID) string {
		p, _ := r.owed.Post(caseKey(id))
		return p.Link
	}
	title, err := r.set.Templates.greet(m)
	if err != nil {
		r.Logger.Error("a template failed: the summary has warden's own words", zap.Error(err))
	}
	v := morningView{m: m, title: title, links: links, sign: r.x.signer.sign, again: !posted && (j.m.Again || r.doubtful(j.key))}
	to := target{channel: r.set.channelOf(j.m)}
	if posted {
		to, v.edited = target{channel: post.Place, ts: post.ID}, r.owed.Now
	}
	made := v.render()
	at, err := r.put(ctx, j, to, made, func(string) rendered { return made }, "")
	if err != nil {
		return err
	}
	fresh := at.ts != to.ts
	r.told(j, ledger.Post{Key: j.key, Place: at.channel, ID: at.ts, Link: r.x.permalink(at.channel, at.ts), Seq: post.Seq}, mark, nil, false)
	if fresh {
		r.overflow(ctx, at, made.Full)
	}
	return nil
}

// stampOf is a hash of what is worth an edit: what is in it, what became of that,
// and what can be done. How long something has lasted is not.
func stampOf(m *chat.Morning) string {
	type line struct {
		Part   chat.MorningPartName
		Case   remedy.CaseID
		Stress string
		Asks   bool
		Look   string    `json:",omitempty"`
		Seen   time.Time `json:",omitzero"`
		Offers []chat.MorningVerb
	}
	lines := []line{}
	for _, p := range m.Parts {
		if p.Name == chat.MorningTrust || p.Name == chat.MorningSelf {
			continue // as of then; it moves whenever anything does
		}
		for _, i := range p.Items {
			l := line{Part: p.Name, Case: i.Case, Stress: i.Stress, Asks: i.Ask != nil, Look: i.LookFirst()}
			if i.Ask != nil {
				l.Seen = i.Ask.Seen // its button says so
			}
			for _, o := range i.Offers {
				l.Offers = append(l.Offers, o.Verb)
			}
			lines = append(lines, l)
		}
	}
	b, err := json.Marshal(lines)
	if err != nil {
		return ""
	}
	return digest(string(b))
}

// morningView turns a summary into blocks.
type morningView struct {
	m      *chat.Morning
	title  string // its header: m.Title, but for the greeting
	links  func(remedy.CaseID) string
	sign   func(Value) string
	edited time.Time // zero for not
	again  bool

	b    builder
	left int // characters that are left for items
}

func (v *morningView) render() rendered {
	m := v.m
	v.left = mostSummary
	v.b.add(api.NewHeaderBlock(text(api.PlainTextType, short(plain(v.title), maxHeader))))
	v.b.context("covers", []string{v.covers()})
	acted := v.acted()
	for n, p := range m.Parts {
		if !m.Quiet || p.Name == chat.MorningSelf {
			v.part(fmt.Sprintf("p%d", n), p, acted)
		}
	}
	if m.Chart != nil && !m.Quiet {
		v.chart(m.Chart)
	}
	var foot []string
	for _, g := range m.Gaps {
		foot = append(foot, commands(g))
	}
	if m.By == "" && !m.Quiet {
		foot = append(foot, "all of it: "+code("warden summary preview"))
	}
	if !v.edited.IsZero() {
		foot = append(foot, "said anew "+mark(chat.MorningTime(v.edited, m.To, m.Location())))
	}
	if v.again {
		foot = append(foot, "may be a repeat: warden restarted before it was acknowledged")
	}
	if len(foot) > 0 {
		v.b.context("foot", []string{strings.Join(foot, " · ")})
	}
	return rendered{Text: short(plain(m.Title), maxText), Blocks: v.b.blocks, Full: v.b.full}
}

// covers says from when to when, and whose it is where it isn't the day's own.
func (v *morningView) covers() string {
	words := mark(v.m.Covers())
	if v.m.By != "" {
		words += " · *an extra one*, asked for by " + short(mark(v.m.By), maxButton)
	}
	return words
}

// acted are the items that get buttons: those that wait first, then what is out,
// then what only wants a word.
func (v *morningView) acted() map[string]bool {
	out := map[string]bool{}
	if v.m.Quiet {
		return out
	}
	for _, name := range []chat.MorningPartName{chat.MorningWaiting, chat.MorningStillOut, chat.MorningLabels, chat.MorningWanted, chat.MorningDid} {
		for _, p := range v.m.Parts {
			for i := range p.Items {
				if p.Name == name && len(v.buttons(p.Items[i])) > 0 && len(out) < mostActed {
					out[itemKey(p.Name, i)] = true
				}
			}
		}
	}
	return out
}

func itemKey(p chat.MorningPartName, i int) string { return string(p) + strconv.Itoa(i) }

// part is one part: its title, what is read, and what can be done.
func (v *morningView) part(id string, p chat.MorningPart, acted map[string]bool) {
	title := "*" + short(mark(p.Title), maxButton) + "*"
	if p.Count > 0 {
		title += fmt.Sprintf(" (%d)", p.Count)
	}
	lines, blocks := []string{title}, 0
	flush := func() {
		if len(lines) > 0 {
			v.b.section(fmt.Sprintf("%s.%d", id, blocks), short(strings.Join(lines, "\n"), maxSection))
			blocks++
		}
		lines = nil
	}
	var over []string
	// The items with buttons come first, so that the others stay in one block.
	for _, first := range []bool{true, false} {
		for i := range p.Items {
			item := p.Items[i]
			if acted[itemKey(p.Name, i)] != first {
				continue
			}
			line := v.line(item, !first)
			n, had := utf8.RuneCountInString(line), utf8.RuneCountInString(strings.Join(lines, "\n"))
			if !first && (n > v.left || had+n+mostMore+50 > maxSection) {
				over = append(over, line)
				continue
			}
			v.left -= n
			lines = append(lines, line)
			if first {
				flush()
				v.act(fmt.Sprintf("%s.a%d", id, i), item)
			}
		}
	}
	if p.More != "" {
		lines = append(lines, short(commands(p.More), mostMore))
	}
	if len(over) > 0 {
		lines = append(lines, fmt.Sprintf("%d more in the thread", len(over)))
		v.b.full = append(v.b.full, whole{Text: title + "\n" + strings.Join(over, "\n")})
	}
	flush()
}

// line is one item. Without buttons it has what can be done as commands.
func (v *morningView) line(i chat.MorningItem, spelled bool) string {
	var parts []string
	if !i.At.IsZero() {
		parts = append(parts, mark(chat.MorningTime(i.At, v.m.To, v.m.Location())))
	}
	if i.Case != 0 {
		parts = append(parts, v.caseLink(i.Case))
	}
	words := short(commands(i.Text), 220)
	if i.Stress != "" {
		words += ": *" + short(mark(i.Stress), 100) + "*"
	}
	if i.Earlier {
		words += " (from before)"
	}
	out, room := "• "+strings.Join(append(parts, words), "  "), mostItem
	if look := i.LookFirst(); look != "" { // whole: whoever taps has seen it
		look = "\n" + mark(look)
		out, room = out+look, room+utf8.RuneCountInString(look)
	}
	for _, o := range i.Offers {
		if o.Command != "" && (spelled || verbOf(o.Verb) == "") {
			if c := code(o.Command); utf8.RuneCountInString(out)+utf8.RuneCountInString(c) < room {
				out += "  " + c
			}
		}
	}
	return out
}

// caseLink is a case, with the way to its own message where it has one.
func (v *morningView) caseLink(id remedy.CaseID) string {
	if v.links == nil {
		return id.String()
	}
	if l := v.links(id); l != "" && !strings.ContainsAny(l, "|<> ") {
		return "<" + entities.Replace(l) + "|" + id.String() + ">"
	}
	return id.String()
}

// verbOf is the button's verb of an offer; empty where it has none.
func verbOf(o chat.MorningVerb) chat.Verb {
	switch o {
	case chat.OfferRight:
		return chat.VerbRight
	case chat.OfferWrong:
		return chat.VerbWrong
	case chat.OfferPutBack:
		return chat.VerbUndo
	case chat.OfferOnIt:
		return chat.VerbOnIt
	case chat.OfferHold:
		return chat.VerbHold
	case chat.OfferApprove:
		return chat.VerbApprove
	case chat.OfferDeny:
		return chat.VerbDeny
	case chat.OfferRun:
		return chat.VerbPreview
	case chat.OfferLook: // its line leads to the case
	case chat.OfferResolve: // whether a host is out is said with care, on a terminal
	}
	return ""
}

// buttons are what can be done about an item with a tap, at most four.
func (v *morningView) buttons(i chat.MorningItem) []chat.Button {
	var out []chat.Button
	for _, o := range i.Offers {
		verb := verbOf(o.Verb)
		if verb == "" || i.Case == 0 || i.Ask == nil && (verb == chat.VerbApprove || verb == chat.VerbDeny) || len(out) == 4 {
			continue
		}
		k := chat.Button{Verb: verb, Label: o.Label}
		// The others count at once.
		//exhaustive:ignore
		switch verb {
		case chat.VerbApprove:
			k.Main = true
			k.Confirm = &chat.Confirm{Title: o.Label + " now?", Text: "It counts for the plan that was shown in the question of " + i.Case.String() + ". You are recorded as the approver.", Yes: "Yes, do it", No: "Go back"}
		case chat.VerbUndo:
			k.Confirm = &chat.Confirm{Title: o.Label + "?", Text: "It is as it was before " + i.Case.String() + ", and held for the cooldown. You are recorded.", Yes: "Put it back", No: "Go back"}
		}
		out = append(out, k)
	}
	return out
}

// act are the buttons of an item. Each says what a card's would: the plan and the
// question that it is about, so that neither another plan nor a later question is
// answered by it.
func (v *morningView) act(id string, i chat.MorningItem) {
	v.b.buttonsIn(id, v.buttons(i), func(verb chat.Verb) string {
		x := Value{Verb: verb, Case: i.Case, Nonce: "0"}
		if i.Ask != nil {
			x.Plan, x.Nonce = i.Ask.PlanHash, nonceOf(i.Ask.AskedAt, i.Ask.Question)
			if verb == chat.VerbApprove {
				x.Nonce = over(x.Nonce, i.Ask.Question, i.Ask.Seen)
			}
		}
		return v.sign(x)
	})
}

// chart draws the days as a picture, and always as text too: not every workspace
// takes pictures, and not everybody sees them.
func (v *morningView) chart(c *chat.MorningChart) {
	lines := c.Lines()
	if len(lines) == 0 {
		return
	}
	v.b.section("spark", "```"+short(preformatted(lines), mostDrawn)+"```")
	days := c.Days[max(0, len(c.Days)-maxPoints):]
	var series []api.DataVisualizationDataSeries
	for _, s := range c.Series[:min(len(c.Series), maxSeries)] {
		values := s.Values[max(0, len(s.Values)-len(days)):]
		if len(values) != len(days) {
			continue // not one for each day: the text has it
		}
		var points []api.DataVisualizationDataPoint
		for i, n := range values {
			points = append(points, api.NewDataVisualizationDataPoint(dayName(days[i]), float64(n)))
		}
		series = append(series, api.NewDataVisualizationDataSeries(chat.Fit(chat.Clean(s.Name), maxName), points...))
	}
	if len(series) == 0 {
		return
	}
	var names []string
	for _, d := range days {
		names = append(names, dayName(d))
	}
	block := api.DataVisualizationBlock{
		Type: api.MBTDataVisualization, BlockID: "chart", Title: chat.Fit(chat.Clean(c.Title), maxChart),
		Chart: api.NewDataVisualizationLineChart(api.NewDataVisualizationAxisConfig(names...), series...),
	}
	if block.Validate() == nil { // two names that are one when cut, and the like: the text has it
		v.b.add(block)
	}
}

// dayName is a day as an axis has it: its year says nothing.
func dayName(day string) string {
	return chat.Fit(chat.Clean(strings.TrimPrefix(day, day[:min(len(day), 5)])), maxName)
}
