package detectors

import (
	"regexp"

	"warden/internal/remedy"
)

// What a row can hold besides the place of a series.
const (
	rowNone      int32 = -1 // nothing maps to it
	rowAmbiguous int32 = -2 // more than one does: never pick one
)

// hostIndex maps series to hosts of one pool by a label. It is built once per
// Judge and remembers what it found, since every query repeats the labels.
type hostIndex struct {
	label string
	regex *regexp.Regexp
	hosts int
	byKey map[string]int32 // host key to place in the pool, or rowAmbiguous
	found map[string]int32 // label value to the same, or rowNone; with a regex only
	// ambiguous lists the hosts whose names the regex makes the same.
	ambiguous []int32
}

func newHostIndex(pool remedy.PoolView, label string, regex *regexp.Regexp) *hostIndex {
	x := &hostIndex{label: label, regex: regex, hosts: pool.N(), byKey: make(map[string]int32, pool.N())}
	if regex != nil {
		x.found = make(map[string]int32, pool.N())
	}
	for i, h := range pool.Hosts {
		key := string(h.Name)
		if k, ok := x.firstGroup(key); ok {
			key = k
		}
		other, taken := x.byKey[key]
		switch {
		case !taken:
			x.byKey[key] = int32(i)
			continue
		case other != rowAmbiguous:
			x.ambiguous = append(x.ambiguous, other)
			x.byKey[key] = rowAmbiguous
		}
		x.ambiguous = append(x.ambiguous, int32(i))
	}
	return x
}

// firstGroup is what the regex's first group takes from s; false when there is
// no regex, it doesn't match, or it takes nothing.
func (x *hostIndex) firstGroup(s string) (string, bool) {
	if x.regex == nil {
		return "", false
	}
	m := x.regex.FindStringSubmatchIndex(s)
	if len(m) < 4 || m[2] < 0 || m[2] == m[3] {
		return "", false
	}
	return s[m[2]:m[3]], true
}

// find is the place of the host that a series belongs to, rowNone when it is
// none of the pool's, or rowAmbiguous when several hosts would claim it.
func (x *hostIndex) find(labels map[string]string) int32 {
	value, ok := labels[x.label]
	if !ok || value == "" {
		return rowNone
	}
	if x.regex == nil {
		return x.lookup(value)
	}
	if i, ok := x.found[value]; ok {
		return i
	}
	i := rowNone
	if key, ok := x.firstGroup(value); ok {
		i = x.lookup(key)
	}
	x.found[value] = i
	return i
}

func (x *hostIndex) lookup(key string) int32 {
	if i, ok := x.byKey[key]; ok {
		return i
	}
	return rowNone
}

// rows gives for each host the place of its series in the answer, rowNone, or
// rowAmbiguous, and counts the series that belong to no host of the pool.
func (x *hostIndex) rows(series []remedy.Series) (rows []int32, unmatched int) {
	rows = make([]int32, x.hosts)
	for i := range rows {
		rows[i] = rowNone
	}
	for i := range series {
		switch h := x.find(series[i].Labels); {
		case h == rowNone:
			unmatched++
		case h == rowAmbiguous:
		case rows[h] == rowNone:
			rows[h] = int32(i)
		default:
			rows[h] = rowAmbiguous
		}
	}
	return rows, unmatched
}

// tally is how many raw samples an instant query saw of one host, over all of
// its series: whether there were any is not a matter of picking one.
type tally struct {
	sum float64
	any bool // some sample, or an answer that can't be read
}

// tallies adds up the values at one instant for each host.
func (x *hostIndex) tallies(series []remedy.Series, atMilli int64) []tally {
	out := make([]tally, x.hosts)
	for i := range series {
		h := x.find(series[i].Labels)
		if h < 0 {
			continue
		}
		for _, p := range series[i].Points {
			if p.At == atMilli {
				out[h].sum += p.Value // NaN stays NaN
				out[h].any = out[h].any || p.Value != 0
			}
		}
	}
	return out
}
