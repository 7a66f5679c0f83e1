package config

import (
	"strings"

	"warden/internal/remedy"
)

// maxHostNode is more nodes than a path has.
const maxHostNode = 64

// hostNode checks host_node against the detector's source.
func (v *validator) hostNode(at func(...string) []string, d Detector) {
	s, known := v.config.Sources[d.Source]
	switch p := at("host_node"); {
	case !known:
	case s.Type != TypeGraphite && v.given[pathKey(p)]:
		v.fail(p, "host_node is for Graphite's paths, and source %s is none: use host_label", quote(string(d.Source)))
	}
}

// targets checks what differs for a detector on Graphite, but for its targets
// themselves.
func (v *validator) targets(at func(...string) []string, d Detector) {
	// The default is let pass: `config show` writes it out.
	if p := at("host_label"); v.given[pathKey(p)] && d.HostLabel != DefaultHostLabel {
		v.fail(p, "host_label: Graphite's series have a name and no labels: use host_node, or a target whose series are named after hosts")
	}
	if node := at("host_node"); v.given[pathKey(node)] && (d.HostNode < -maxHostNode || d.HostNode >= maxHostNode) {
		v.fail(node, "host_node = %d is beyond any path: use the number of a node, counted from 0, or from -1 at its end", d.HostNode)
	}
}

// target checks one target of a detector on Graphite, in the detector's table or
// in one of its conditions'.
func (v *validator) target(name remedy.DetectorName, at func(...string) []string, query, fresh string) {
	d := v.config.Detectors[name]
	if fresh != "" {
		v.fail(at("fresh_query"), "fresh_query: Graphite's buckets tell their own age: leave fresh_query out")
	}
	if !v.config.IsSet("detectors", string(name), "host_node") && !d.HostRegex.IsSet() && strings.Contains(query, ".") &&
		!strings.Contains(strings.ToLower(query), "alias") && !strings.Contains(query, "groupByNode") {
		v.warn(at("query"), "detectors.%s: the series' names are whole paths, which are no host's: add host_node with the node that holds the host, or name the series with aliasByNode or groupByNode", name)
	}
}
