package cli

import (
	"maps"
	"slices"
	"strings"

	"warden/detectors"
	"warden/internal/config"
)

// parseOptions are what config.Parse can't know by itself.
func parseOptions() config.Options { return config.Options{IsSelector: detectors.IsSelector} }

// loadConfig reads a file and makes every check that needs nothing but the
// file: config's own, and those of the detectors, actions, sources and
// inventories it would make. The error is as config.Load's.
func (p *program) loadConfig(path string) (*config.Config, config.Report, error) {
	cfg, report, err := config.Load(path, parseOptions())
	if err != nil {
		return nil, report, err
	}
	report = append(report, checkBuild(builder{clock: p.clock, env: p.env}, cfg)...)
	_, worded := slackTemplates(cfg)
	report = append(report, worded...)
	report.Sort()
	if err := report.Err(); err != nil {
		return nil, report, err
	}
	return cfg, report, nil
}

// checkBuild makes all that a config stands for, throws it away, and says what
// was wrong with it and what it warns of.
func checkBuild(b builder, cfg *config.Config) []config.Problem {
	var problems []config.Problem
	if _, err := b.build(cfg); err != nil {
		for line := range strings.Lines(err.Error()) {
			problems = append(problems, keyed(cfg, config.SeverityError, line))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Detectors)) {
		d, err := b.detector(cfg, name)
		if err != nil {
			continue // said above
		}
		warns, ok := d.(interface{ Warnings() []string })
		if !ok {
			continue
		}
		for _, line := range warns.Warnings() {
			w := keyed(cfg, config.SeverityWarning, line)
			if !strings.HasSuffix(w.Key, ".fresh_query") { // config has said so, about the query
				problems = append(problems, w)
			}
		}
	}
	return problems
}

// keyed places a message of the form "detectors.NAME.key: text" at its key.
// Any other is about the file.
func keyed(cfg *config.Config, s config.Severity, line string) config.Problem {
	line = strings.TrimSpace(line)
	key, text, ok := strings.Cut(line, ": ")
	path := strings.Split(key, ".")
	tables := []string{"sources", "pools", "detectors", "actions"}
	if !ok || len(path) < 2 || !slices.Contains(tables, path[0]) {
		return cfg.Problem(s, line)
	}
	if len(path) > 2 {
		text = strings.Join(path[2:], ".") + ": " + text
	}
	return cfg.Problem(s, text, path...)
}
