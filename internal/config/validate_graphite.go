package config

import (
	"strings"

	"warden/internal/remedy"
)

// maxHostNode is more nodes than a path has.
const maxHostNode = 64

// hostNode checks host_node against the detector's source, and that the
// detector can judge that source's series.
func (v *validator) hostNode(at func(...string) []string, d Detector) {
	s, known := v.config.Sources[d.Source]
	switch p := at("host_node"); {
	case !known:
	case s.Type == TypeGraphite && d.Type != TypeCanary:
		v.fail(at("source"), "a %s detector can't judge Graphite's buckets: use a source of type = %q", d.Type, TypePrometheus)
	case s.Type != TypeGraphite && v.given[pathKey(p)]:
		v.fail(p, "host_node is for Graphite's paths, and source %s is none: use host_label", quote(string(d.Source)))
	}
}

// targets checks what differs for a detector on Graphite.
func (v *validator) targets(name remedy.DetectorName, at func(...string) []string, d Detector) {
	// The default is let pass: `config show` writes it out.
	if p := at("host_label"); v.given[pathKey(p)] && d.HostLabel != DefaultHostLabel {
		v.fail(p, "host_label: Graphite's series have a name and no labels: use host_node, or a target whose series are named after hosts")
	}
	if p := at("fresh_query"); d.FreshQuery != "" {
		v.fail(p, "fresh_query: Graphite's buckets tell their own age: leave fresh_query out")
	}
	node := at("host_node")
	given := v.given[pathKey(node)]
	if given && (d.HostNode < -maxHostNode || d.HostNode >= maxHostNode) {
		v.fail(node, "host_node = %d is beyond any path: use the number of a node, counted from 0, or from -1 at its end", d.HostNode)
	}
	if !given && !d.HostRegex.IsSet() && strings.Contains(d.Query, ".") && !strings.Contains(strings.ToLower(d.Query), "alias") && !strings.Contains(d.Query, "groupByNode") {
		v.warn(at("query"), "detectors.%s: the series' names are whole paths, which are no host's: add host_node with the node that holds the host, or name the series with aliasByNode or groupByNode", name)
	}
}
