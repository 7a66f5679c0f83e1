package report

import (
	"fmt"
	"html/template"
	"slices"
	"time"

	"warden/internal/trust"
)

// mostBars is how many weeks are drawn one by one; beyond, several share a bar.
const mostBars = 26

// weeks draws the episodes of each week, by what they were labelled.
func weeks(s *trust.Series, zone *time.Location) template.HTML {
	if len(s.Episodes) == 0 {
		return nothing("No episode yet: there is nothing to draw.")
	}
	first, last := monday(s.Episodes[0].At, zone), s.Episodes[len(s.Episodes)-1].At
	total := int(last.Sub(first)/(7*24*time.Hour)) + 1
	each := (total + mostBars - 1) / mostBars
	bars := make([]trust.Tally, (total+each-1)/each)
	for _, e := range s.Episodes {
		i := min(max(int(e.At.Sub(first)/(7*24*time.Hour))/each, 0), len(bars)-1)
		count(&bars[i], e.Label)
	}
	most, all := 0, trust.Tally{}
	for _, b := range bars {
		most = max(most, b.Episodes)
		all.Right, all.Wrong, all.Unclear, all.Unlabelled = all.Right+b.Right, all.Wrong+b.Wrong, all.Unclear+b.Unclear, all.Unlabelled+b.Unlabelled
	}
	lines := ticks(most)
	what := "a week"
	if each > 1 {
		what = fmt.Sprintf("in %d weeks", each)
	}
	p := newPlot("Episodes "+what, fmt.Sprintf("%d right, %d wrong, %d unclear and %d unlabelled from %s to %s; at most %d %s.",
		all.Right, all.Wrong, all.Unclear, all.Unlabelled, first.Format("2 Jan 2006"), last.In(zone).Format("2 Jan 2006"), most, what), 0, float64(len(bars)), float64(lines[len(lines)-1]))
	for _, v := range lines {
		p.level(float64(v), fmt.Sprint(v))
	}
	slot := p.x(1) - p.x(0)
	for i, b := range bars {
		base := 0
		for _, part := range []struct {
			class string
			n     int
		}{{"right", b.Right}, {"wrong", b.Wrong}, {"unclear", b.Unclear}, {"unlabelled", b.Unlabelled}} {
			up, down := p.y(float64(base+part.n)), p.y(float64(base))
			p.rect(part.class, p.x(float64(i))+slot*0.12, up, slot*0.76, down-up)
			base += part.n
		}
		if i%every(len(bars)) == 0 {
			p.below(p.x(float64(i)+0.5), "middle", first.AddDate(0, 0, 7*i*each).Format("2 Jan"))
		}
	}
	p.axis("week of")
	return p.html()
}

func monday(t time.Time, zone *time.Location) time.Time {
	t = t.In(zone)
	back := (int(t.Weekday()) + 6) % 7
	return time.Date(t.Year(), t.Month(), t.Day()-back, 0, 0, 0, 0, zone)
}

func count(t *trust.Tally, l trust.Label) {
	t.Episodes++
	switch l {
	case trust.Right:
		t.Right++
	case trust.Wrong:
		t.Wrong++
	case trust.Unclear:
		t.Unclear++
	case trust.Unlabelled:
		t.Unlabelled++
	}
}

// mostPoints bounds the points of a curve.
const mostPoints = 150

// precision draws what was known after each episode: the precision with its
// interval, and the bound that may be looked at again and again, against the gate.
func precision(s *trust.Series, rules trust.Rules, gate float64) template.HTML {
	if len(s.Episodes) == 0 {
		return nothing("No episode yet: nothing is known of the precision.")
	}
	var mid, low, high, anytime [][2]float64
	t := s.Folded
	step := max(1, len(s.Episodes)/mostPoints)
	for i, e := range s.Episodes {
		count(&t, e.Label)
		if i%step != 0 && i != len(s.Episodes)-1 {
			continue
		}
		x := float64(t.Episodes)
		l, h := trust.Wilson(t.Right, t.Labelled(), rules.Confidence)
		low, high = append(low, [2]float64{x, l}), append(high, [2]float64{x, h})
		anytime = append(anytime, [2]float64{x, trust.SequentialLow(t.Right, t.Rest(), rules.Confidence)})
		if t.Labelled() > 0 {
			mid = append(mid, [2]float64{x, float64(t.Right) / float64(t.Labelled())})
		}
	}
	words := fmt.Sprintf("after %d episodes the precision is at least %s, and at least %s however often it is looked at", t.Episodes, percent(low[len(low)-1][1]), percent(anytime[len(anytime)-1][1]))
	if gate > 0 {
		words += "; the gate is at " + percent(gate)
	}
	from := float64(t.Episodes - len(s.Episodes))
	p := newPlot("Precision over the record", words+".", from, float64(t.Episodes), 1)
	for _, v := range []float64{0, 0.25, 0.5, 0.75, 1} {
		p.level(v, percent(v))
	}
	band := slices.Clone(low)
	for _, at := range slices.Backward(high) {
		band = append(band, at)
	}
	p.area("band", band)
	p.line("precision", mid)
	p.line("anytime", anytime)
	if gate > 0 {
		p.line("gate", [][2]float64{{from, gate}, {float64(t.Episodes), gate}})
	}
	p.below(p.x(from), "start", fmt.Sprint(int(from)))
	p.below(p.x(float64(t.Episodes)), "end", fmt.Sprint(t.Episodes))
	p.axis("episodes")
	return p.html()
}

// leads draws how much earlier warden was than the hand that took a host out.
func leads(s *trust.Series) template.HTML {
	if len(s.Leads) == 0 {
		return nothing("Nobody has taken a host out by hand that warden had found: there is no lead time.")
	}
	lowest, highest := 0.0, 0.0
	for _, l := range s.Leads {
		lowest, highest = min(lowest, l.Took.Minutes()), max(highest, l.Took.Minutes())
	}
	const most = 12
	each := 1.0
	for _, e := range []float64{1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1440, 2880, 10080} {
		if each = e; (highest-lowest)/e < most-1 {
			break
		}
	}
	first := floor(lowest, each)
	bins := make([]int, min(int((highest-first*each)/each)+1, 64))
	late := 0
	for _, l := range s.Leads {
		i := int(floor(l.Took.Minutes(), each) - first)
		bins[min(max(i, 0), len(bins)-1)]++
		if l.Took < 0 {
			late++
		}
	}
	lines := ticks(slices.Max(bins))
	p := newPlot("Lead time before a hand", fmt.Sprintf("%d hosts were taken out by hand after warden had found them; %d times the hand was first.", len(s.Leads)-late, late),
		first*each, (first+float64(len(bins)))*each, float64(lines[len(lines)-1]))
	for _, v := range lines {
		p.level(float64(v), fmt.Sprint(v))
	}
	for i, n := range bins {
		at := (first + float64(i)) * each
		class := "early"
		if at < 0 {
			class = "late"
		}
		p.rect(class, p.x(at)+1, p.y(float64(n)), p.x(at+each)-p.x(at)-2, p.y(0)-p.y(float64(n)))
		if i%every(len(bins)) == 0 {
			p.below(p.x(at), "middle", minutes(at))
		}
	}
	p.axis("how much earlier warden was")
	return p.html()
}

// floor is the number of the step that a value is in.
func floor(v, each float64) float64 {
	n := float64(int(v / each))
	if v < 0 && n*each != v {
		n--
	}
	return n
}

func minutes(m float64) string {
	if m == 0 {
		return "0"
	}
	return span(time.Duration(m * float64(time.Minute)))
}

// answers draws how long people took to answer, by the hour they were asked at.
func answers(s *trust.Series, zone *time.Location, zoneName string) template.HTML {
	if len(s.Answers) == 0 {
		return nothing("Nobody has been asked and has answered: there is no answer time.")
	}
	var hours [24][]time.Duration
	most := time.Duration(0)
	for _, a := range s.Answers {
		h := a.At.In(zone).Hour()
		hours[h] = append(hours[h], a.Took)
	}
	var medians [24]time.Duration
	for h := range hours {
		if n := len(hours[h]); n > 0 {
			slices.Sort(hours[h])
			medians[h] = hours[h][n/2]
			most = max(most, medians[h])
		}
	}
	unit, name := time.Minute, "min"
	if most > 4*time.Hour {
		unit, name = time.Hour, "h"
	}
	lines := ticks(int((most + unit - 1) / unit))
	p := newPlot("Answer times by hour of the day", fmt.Sprintf("%d answers; the slowest hour has a median of %s.", len(s.Answers), span(most)),
		0, 24, float64(lines[len(lines)-1]))
	for _, v := range lines {
		p.level(float64(v), fmt.Sprintf("%d %s", v, name))
	}
	for h := range hours {
		if len(hours[h]) == 0 {
			continue
		}
		y := p.y(float64(medians[h]) / float64(unit))
		p.rect("early", p.x(float64(h))+1.5, min(y, p.y(0)-2), p.x(1)-p.x(0)-3, max(2, p.y(0)-y))
	}
	for h := 0; h < 24; h += 4 {
		p.below(p.x(float64(h)+0.5), "middle", fmt.Sprintf("%02d", h))
	}
	p.axis("hour at which people were asked, " + zoneName + "; median")
	return p.html()
}
