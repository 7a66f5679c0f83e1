package unit

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"warden/internal/config"
	"warden/simulate/promql"
)

// wildcard stands for several names in the name of a series or host.
var wildcard = regexp.MustCompile(`\[(all|others|[0-9]+-[0-9]+)\]`)

// maxExpanded bounds how many names one wildcard stands for.
const maxExpanded = 1_000_000

// numbered expands the ranges in a name, such as ingest-[01-40]: with as many
// digits as the first number has.
func numbered(name string) ([]string, error) {
	at := wildcard.FindStringSubmatchIndex(name)
	for at != nil && (name[at[2]] == 'a' || name[at[2]] == 'o') {
		next := wildcard.FindStringSubmatchIndex(name[at[1]:])
		if next == nil {
			return []string{name}, nil
		}
		for i := range next {
			next[i] += at[1]
		}
		at = next
	}
	if at == nil {
		return []string{name}, nil
	}
	from, to, _ := strings.Cut(name[at[2]:at[3]], "-")
	a, err := strconv.Atoi(from)
	b, err2 := strconv.Atoi(to)
	if err != nil || err2 != nil || b < a || b-a >= maxExpanded {
		return nil, fmt.Errorf("%s in %q is not a range: write the smaller number first, such as [01-40]", name[at[0]:at[1]], name)
	}
	rest, err := numbered(name[at[1]:])
	if err != nil {
		return nil, err
	}
	var out []string
	for n := a; n <= b; n++ {
		for _, r := range rest {
			out = append(out, name[:at[0]]+fmt.Sprintf("%0*d", len(from), n)+r)
		}
	}
	return out, nil
}

// perHost expands [all] and [others] in a name: one name for each host that
// begins with what stands in front of it, such as ingest- in ingest-[all]. any
// says that there was a wildcard, and others which.
func perHost(name string, hosts []string) (names []string, others, found bool) {
	at := wildcard.FindStringSubmatchIndex(name)
	if at == nil {
		return []string{name}, false, false
	}
	before := name[:at[0]]
	stem := len(before)
	for stem > 0 && isHostPart(before[stem-1]) {
		stem--
	}
	for _, h := range hosts {
		if strings.HasPrefix(h, before[stem:]) {
			names = append(names, before[:stem]+h+name[at[1]:])
		}
	}
	return names, name[at[2]:at[3]] == "others", true
}

func isHostPart(c byte) bool {
	return c == '-' || c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// written is one series of a test, expanded.
type written struct {
	key    config.Text // as the file has it
	shared bool        // it is the file's, and not the test's own
	id     string      // one for each series
	path   string      // of Graphite; else empty
	labels map[string]string
	values []Value
	used   atomic.Bool // some query asked for it
}

// byGraphite reports whether a name is a path, and not a series of Prometheus.
func byGraphite(name string) bool {
	head, _, _ := strings.Cut(name, "{")
	return strings.Contains(head, ".")
}

// newWritten reads one name.
func newWritten(key config.Text, name string, values []Value) (*written, error) {
	w := &written{key: key, values: values}
	if byGraphite(name) {
		if strings.ContainsAny(name, " \t\"'(),;") || strings.Contains(name, "..") || strings.HasSuffix(name, ".") {
			return nil, fmt.Errorf("%q is not the path of a series in Graphite: write nodes with dots between them", name)
		}
		w.path, w.id = name, name
		return w, nil
	}
	labels, err := promql.ParseSeries(name)
	if err != nil {
		return nil, fmt.Errorf("%q is not the name of a series (%w): write one such as up{instance=\"a\"}, or a Graphite path with dots", name, err)
	}
	w.labels, w.id = labels, promql.LabelKey(labels)
	return w, nil
}

// writing collects a test's series.
type writing struct {
	hosts []string
	all   []*written
	known map[string]*written
	bad   func(key config.Text, shared bool, format string, args ...any)
}

// add expands series and adds them, those with [others] after all that are named
// otherwise. What the test itself says goes before what the file says.
func (w *writing) add(series map[config.Text]string, shared bool) {
	for _, last := range []bool{false, true} {
		for _, key := range sortedKeys(series) {
			values, err := ParseValues(series[key])
			if err != nil {
				continue // it was said
			}
			w.expand(key, values, shared, last)
		}
	}
}

func (w *writing) expand(key config.Text, values []Value, shared, last bool) {
	ranged, err := numbered(string(key))
	if err != nil {
		w.bad(key, shared, "%v", err)
		return
	}
	for _, one := range ranged {
		names, others, found := perHost(one, w.hosts)
		if others != last {
			continue
		}
		if found && len(names) == 0 {
			w.bad(key, shared, "no host's name begins with what stands before the bracket: see `hosts`, or the pool's inventory")
		}
		for _, name := range names {
			s, err := newWritten(key, name, values)
			if err != nil {
				w.bad(key, shared, "%v", err)
				return
			}
			s.shared = shared
			if before := w.known[s.id]; before != nil {
				if !others && before.shared == shared {
					w.bad(key, shared, "%q is given by %q as well: keep one", name, before.key)
					return
				}
				continue
			}
			w.known[s.id] = s
			w.all = append(w.all, s)
		}
	}
}

// store is the series of Prometheus as its storage has them.
type store struct {
	labels  []map[string]string
	samples [][]promql.Sample
	written []*written
}

// newStore lays out the series that are Prometheus': the first value of each is
// of the instant start.
func newStore(all []*written, start time.Time, interval time.Duration) *store {
	s := &store{}
	for _, w := range all {
		if w.path != "" {
			continue
		}
		samples := make([]promql.Sample, 0, len(w.values))
		for i, v := range w.values {
			if !v.Omitted {
				samples = append(samples, promql.Sample{T: start.Add(time.Duration(i) * interval).UnixMilli(), V: v.V, Stale: v.Stale})
			}
		}
		s.labels, s.samples, s.written = append(s.labels, w.labels), append(s.samples, samples), append(s.written, w)
	}
	return s
}

// Labels implements promql.Storage.
func (s *store) Labels() []map[string]string { return s.labels }

// Samples implements promql.Storage.
func (s *store) Samples(i int, from, to int64) []promql.Sample {
	s.written[i].used.Store(true)
	all := s.samples[i]
	lo := sort.Search(len(all), func(k int) bool { return all[k].T >= from })
	hi := sort.Search(len(all), func(k int) bool { return all[k].T > to })
	return slices.Clip(all[lo:max(lo, hi)])
}
