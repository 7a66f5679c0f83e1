package detectors

import (
	"math"

	"warden/internal/remedy"
)

// What is known of a host at a step before the judged instant: only whether it
// is bad is asked for. The order makes min the word of all conditions and max
// that of any.
const (
	notBad  uint8 = iota
	inDoubt       // look closely
	isBad
)

// slide moves the windows of a block's hosts back by one step at a time: a
// column comes in at the front and one leaves at the back, however many lie
// between. What it says is what going over the whole window would say: where
// it can't be sure it says that the host is in doubt.
//
// A sample that is first seen at the step at or after its own time and before
// the next counts for that column, in every window that holds it. An older
// one counts for none, if the column before it answers with the same; loose is
// the newest that none has answered for so far. It only counts in windows that
// begin before it.
//
// Sums that come and go are not the sum in order, to the last bit. most bounds
// by how much they may differ.
type slide struct {
	how       Aggregate
	low, high side
	n         [blockHosts]int32
	below     [blockHosts]int32 // samples past low, of AggregateMin and AggregateMax
	above     [blockHosts]int32 // samples past high
	sum       [blockHosts]float64
	most      [blockHosts]float64 // sum of the sizes of all values that ever came in
	loose     [blockHosts]float64
}

// slideColumn is one column of a condition's answer, with the time of its step
// and of the step before, in seconds.
type slideColumn struct {
	values, stamps   []float64
	rows, stampsRows []int32
	before, at       float64
}

func (b *thresholdBlock) slideColumn(a *thresholdAnswer, col int) slideColumn {
	k := col - b.windowSteps + 1
	return slideColumn{
		values: a.value.Cols[col], stamps: a.stamps.Cols[col], rows: a.valueRows.Rows, stampsRows: a.stampsRows.Rows,
		before: b.clock.seconds(k - 1), at: b.clock.seconds(k),
	}
}

// startSlides begins at the judged instant, with the windows of the hosts left;
// from is the block's first. Of hosts without anything odd, judged by one
// condition, what went over those windows is known.
func (b *thresholdBlock) startSlides(from int) {
	w, last := b.sums, b.steps-1
	for n, s := range b.slides {
		a := &b.answers[n]
		s.low, s.high = a.low, a.high
		known := len(b.answers) == 1 && s.how != AggregateMin && s.how != AggregateMax
		anew := b.anew[:0]
		left := b.left
		for p, i := range b.hosts {
			if len(left) == 0 || left[0] != i {
				continue // it is not bad
			}
			left = left[1:]
			at := int(i) - from
			s.n[at], s.below[at], s.above[at], s.sum[at], s.most[at], s.loose[at] = 0, 0, 0, 0, 0, math.Inf(-1)
			if known && w.mark[p] == 0 {
				s.n[at], s.sum[at], s.most[at] = w.n[p], w.value[p], w.value[p]
				continue
			}
			if a.mixed() && a.stampsRows.Rows[i] == remedy.RowAmbiguous {
				s.loose[at] = math.Inf(1) // its age is that of several series
			}
			anew = append(anew, i)
		}
		for col := last + b.windowSteps - 1; col >= last && len(anew) > 0; col-- {
			s.come(anew, from, b.slideColumn(a, col))
		}
		b.anew = anew
	}
}

// come takes a column in at the front.
func (s *slide) come(hosts []int32, from int, c slideColumn) {
	counted := s.how == AggregateMin || s.how == AggregateMax
	for _, i := range hosts {
		p := uint(int(i) - from)
		v, stamp := cell(c.values, c.rows[i]), cell(c.stamps, c.stampsRows[i])
		if p >= blockHosts || remedy.IsMissing(v) {
			continue
		}
		if stamp > c.before && stamp <= c.at {
			s.n[p]++
			s.sum[p] += v
			s.most[p] += math.Abs(v)
			if stamp >= s.loose[p] {
				s.loose[p] = math.Inf(-1)
			}
			if counted {
				s.count(int(p), v, 1)
			}
			continue
		}
		if stamp > c.at {
			s.loose[p] = math.Inf(1) // from the future: it may come again at the next step
		} else if stamp > s.loose[p] {
			s.loose[p] = stamp
		}
	}
}

// leave takes a column out at the back.
func (s *slide) leave(hosts []int32, from int, c slideColumn) {
	counted := s.how == AggregateMin || s.how == AggregateMax
	for _, i := range hosts {
		p := uint(int(i) - from)
		v, stamp := cell(c.values, c.rows[i]), cell(c.stamps, c.stampsRows[i])
		if p >= blockHosts || !(stamp > c.before && stamp <= c.at) || remedy.IsMissing(v) {
			continue
		}
		s.n[p]--
		s.sum[p] -= v
		if counted {
			s.count(int(p), v, -1)
		}
	}
}

// count counts a value by the bounds, or no longer.
func (s *slide) count(p int, v float64, by int32) {
	if v < s.low.bad {
		s.below[p] += by
	}
	if v > s.high.bad {
		s.above[p] += by
	}
}

// past says whether the value of a window with a sample is past a bound.
func (s *slide) past(p int, slack float64) uint8 {
	n, sum := s.n[p], s.sum[p]
	wrong := slack * s.most[p]
	switch {
	case !(s.most[p] <= math.MaxFloat64): // something in it is no number, or was
		return inDoubt
	case s.how == AggregateMin:
		return badIf(s.below[p] > 0 || s.above[p] == n)
	case s.how == AggregateMax:
		return badIf(s.below[p] == n || s.above[p] > 0)
	case s.how == AggregateAvg:
		sum, wrong = sum/float64(n), wrong/float64(n)
	}
	switch {
	case sum+wrong < s.low.bad, sum-wrong > s.high.bad:
		return isBad
	case sum-wrong >= s.low.bad && sum+wrong <= s.high.bad:
		return notBad
	}
	return inDoubt
}

func badIf(yes bool) uint8 {
	if yes {
		return isBad
	}
	return notBad
}

// before finds which of the hosts in b.left, bad at every step after k, are bad
// at step k as well, and forgets the others. It says since when those were.
func (b *thresholdBlock) before(verdicts []remedy.HostVerdict, from, k int) {
	if a := &b.answers[0]; len(b.answers) == 1 && b.sums == nil && !a.mixed() && b.target.freshAt(k) {
		b.plainBefore(a, verdicts, k)
		return
	}
	if b.target.freshAt(k) {
		b.wordAt(from, k)
	} else {
		clear(b.words[:])
	}
	b.hosts = b.hosts[:0]
	for _, i := range b.left {
		if b.words[int(i)-from] == inDoubt {
			b.hosts = append(b.hosts, i)
		}
	}
	if len(b.hosts) > 0 {
		b.look(k)
		for p, i := range b.hosts {
			b.words[int(i)-from] = badIf(b.now[p].state == stateBad)
		}
	}
	left, since := b.left[:0], b.clock.milli(k+1)
	for _, i := range b.left {
		if b.words[int(i)-from] == isBad {
			left = append(left, i)
		} else {
			verdicts[i].BadSince = since
		}
	}
	b.left = left
}

// plainBefore is before where there is one condition on single values, which
// leaves nobody in doubt.
func (b *thresholdBlock) plainBefore(a *thresholdAnswer, verdicts []remedy.HostVerdict, k int) {
	first, last, values, stamps := b.clock.oldest(k), b.clock.newest(k), a.value.Cols[k], a.stamps.Cols[k]
	rows, stampsRows, low, high := a.valueRows.Rows, a.stampsRows.Rows, a.low.bad, a.high.bad
	left, since := b.left[:len(b.left)], b.clock.milli(k+1)
	n := 0
	for _, i := range left {
		v, stamp := cell(values, rows[i]), cell(stamps, stampsRows[i])
		if stamp >= first && stamp <= last && (v < low || v > high) && v-v == 0 { // and no infinity
			left[n] = i
			n++
		} else {
			verdicts[i].BadSince = since
		}
	}
	b.left = left[:n]
}

// wordAt has every condition say whether the hosts left are bad at step k.
func (b *thresholdBlock) wordAt(from, k int) {
	for n := range b.answers {
		a, words := &b.answers[n], &b.words
		if n > 0 {
			words = &b.others
		}
		switch {
		case b.spec.Dialect == Graphite:
			b.doubt(words, from) // a window of buckets is looked at as a whole
		case b.sums == nil:
			b.plainWords(words, a, from, k)
		default:
			b.slideTo(n, from, k)
			b.windowWords(words, n, from, k)
		}
		if n == 0 {
			continue
		}
		for _, i := range b.left {
			p := int(i) - from
			if b.spec.Match == MatchAny {
				b.words[p] = max(b.words[p], words[p])
			} else {
				b.words[p] = min(b.words[p], words[p])
			}
		}
	}
}

// doubt leaves every host to be looked at closely.
func (b *thresholdBlock) doubt(words *[blockHosts]uint8, from int) {
	for _, i := range b.left {
		words[int(i)-from] = inDoubt
	}
}

// plainWords judges single values at step k.
func (b *thresholdBlock) plainWords(words *[blockHosts]uint8, a *thresholdAnswer, from, k int) {
	first, last, values, stamps := b.clock.oldest(k), b.clock.newest(k), a.value.Cols[k], a.stamps.Cols[k]
	rows, stampsRows, mixed := a.valueRows.Rows, a.stampsRows.Rows, a.mixed()
	low, high := a.low.bad, a.high.bad
	for _, i := range b.left {
		row := stampsRows[i]
		v, stamp := cell(values, rows[i]), cell(stamps, row)
		word := badIf(stamp >= first && stamp <= last && (v < low || v > high) && v-v == 0) // and no infinity
		if row == remedy.RowAmbiguous && mixed {
			word = inDoubt
		}
		words[int(i)-from] = word
	}
}

// slideTo moves the windows of a condition to the one that ends at step k, the
// step before the one they were at.
func (b *thresholdBlock) slideTo(n, from, k int) {
	a, s := &b.answers[n], b.slides[n]
	s.leave(b.left, from, b.slideColumn(a, k+b.windowSteps))
	s.come(b.left, from, b.slideColumn(a, k))
}

// windowWords judges the windows that end at step k.
func (b *thresholdBlock) windowWords(words *[blockHosts]uint8, n, from, k int) {
	a, s := &b.answers[n], b.slides[n]
	end := b.slideColumn(a, k+b.windowSteps-1)
	first, last, begins := b.clock.oldest(k), b.clock.newest(k), b.clock.seconds(k-b.windowSteps)
	least := int32(b.spec.MinPoints)
	for _, i := range b.left {
		p := int(i) - from
		stamp := cell(end.stamps, end.stampsRows[i])
		switch {
		case s.loose[p] > begins:
			words[p] = inDoubt
		case !(stamp >= first && stamp <= last) || s.n[p] < least:
			words[p] = notBad
		case s.how == AggregateLast:
			words[p] = b.lastWord(a, i, k)
		default:
			words[p] = s.past(p, b.slack)
		}
	}
}

// lastWord judges the newest sample of a host's window, which has one.
func (b *thresholdBlock) lastWord(a *thresholdAnswer, i int32, k int) uint8 {
	for col := k + b.windowSteps - 1; col >= k; col-- {
		c := b.slideColumn(a, col)
		v, stamp := cell(c.values, c.rows[i]), cell(c.stamps, c.stampsRows[i])
		if stamp > c.before && stamp <= c.at && !remedy.IsMissing(v) {
			return badIf((v < a.low.bad || v > a.high.bad) && v-v == 0)
		}
	}
	return notBad
}
