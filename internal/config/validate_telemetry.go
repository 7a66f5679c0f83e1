package config

import (
	"net"
	"regexp"
)

// metricPrefix is one node of a path in Graphite or more: no wildcard, no space.
var metricPrefix = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// mirror checks [telemetry.graphite].
func (v *validator) mirror(m GraphiteMirror) {
	at := func(key string) []string { return []string{"telemetry", "graphite", key} }
	given := v.given[pathKey(at("address"))]
	host, port, err := net.SplitHostPort(m.Address)
	switch p := at("address"); {
	case m.Enabled && !given:
		v.fail(p, "[telemetry.graphite] is enabled and has no address: write carbon's, such as \"carbon.example.net:2003\"")
	case given && (err != nil || !validHost(host) || !validPort(port)):
		v.fail(p, "address is not that of carbon's line receiver: write it as \"carbon.example.net:2003\"")
	}
	if !metricPrefix.MatchString(m.Prefix) {
		v.fail(at("prefix"), "prefix = %s: use letters, digits, _ and -, with dots between nodes", quote(m.Prefix))
	}
	v.between(at("interval"), m.Interval, second, 10*60*second)
}
