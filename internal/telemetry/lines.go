package telemetry

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// ownPrefix begins the name of every metric of warden's own.
const ownPrefix = "warden_"

// processPrefix begins the metrics of the process: memory, files, CPU time.
const processPrefix = "process_"

// ofNode are the beginnings of names, without ownPrefix, of what each node
// knows of itself. Every node sends these, under its name. Everything else is
// of the whole cluster and sent by the leader alone, for two nodes that wrote
// one series would take turns in it.
var ofNode = []string{
	"config_", "heartbeat_", "leadership_", "local_", "notifications_", "outlet_", "peer_", "raft_", "slack_", "source_cache", "source_request", "source_values",
	"state_", "storage_", "telemetry_", "tls_",
}

// notMirrored are names whose labels hold versions or cases. Carbon makes a
// file for each series and keeps it, so what comes and goes is left out.
var notMirrored = []string{"build_info", "host_out"}

// batch is what is sent at one instant.
type batch struct {
	text    bytes.Buffer
	lines   int
	dropped int // beyond maxLines
}

// naming says how series are called: PREFIX.CLUSTER, and the node.
type naming struct {
	root, node string
	leading    bool
}

// collect turns the gatherer's counters, gauges and histograms (as _count and
// _sum) into lines "path value time". An error of the gatherer is returned
// beside what it gave all the same.
func collect(g prometheus.Gatherer, n naming, unix int64) (*batch, error) {
	families, err := g.Gather()
	if err != nil {
		err = fmt.Errorf("gather the metrics: %w", err)
	}
	b := &batch{}
	for _, f := range families {
		root, name, ok := n.place(f.GetName())
		if !ok {
			continue
		}
		for _, m := range f.GetMetric() {
			// The registry sorts a metric's labels by name: that order is the
			// path's, and docs/metrics.md says so.
			var labels strings.Builder
			for _, l := range m.GetLabel() {
				labels.WriteString("." + clean(l.GetValue()))
			}
			put := func(name string, v float64) { b.put(root+name+labels.String(), v, unix) }
			switch {
			case m.GetCounter() != nil:
				put(strings.TrimSuffix(name, "_total"), m.GetCounter().GetValue())
			case m.GetGauge() != nil:
				put(name, m.GetGauge().GetValue())
			case m.GetHistogram() != nil:
				put(name+"_count", float64(m.GetHistogram().GetSampleCount()))
				put(name+"_sum", m.GetHistogram().GetSampleSum())
			}
		}
	}
	return b, err
}

// place says where a metric's series stand and what they are called there;
// false when this node does not send them.
func (n naming) place(metric string) (root, name string, ok bool) {
	name, own := strings.CutPrefix(metric, ownPrefix)
	switch {
	case strings.HasPrefix(metric, processPrefix):
		own = true
	case !own || slices.Contains(notMirrored, name):
		return "", "", false
	case !slices.ContainsFunc(ofNode, func(p string) bool { return strings.HasPrefix(name, p) }):
		return n.root + ".", name, n.leading
	}
	return n.root + ".nodes." + clean(n.node) + ".", name, own
}

// put adds one line. What is no number has no place in carbon.
func (b *batch) put(path string, v float64, unix int64) {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return
	case b.lines == maxLines:
		b.dropped++
		return
	}
	b.lines++
	line := b.text.AvailableBuffer()
	line = append(append(line, path...), ' ')
	line = append(strconv.AppendFloat(line, v, 'f', -1, 64), ' ')
	line = append(strconv.AppendInt(line, unix, 10), '\n')
	b.text.Write(line)
}

// clean makes a value one node of a path: what is not a letter, a digit, _ or -
// becomes _, and nothing at all becomes "none".
func clean(s string) string {
	if s == "" {
		return "none"
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-':
			return r
		default:
			return '_'
		}
	}, s)
}
