package cli

import (
	"warden/internal/chat"
	"warden/internal/config"
	"warden/internal/cron"
	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/report"
)

// summary has the engine tell the morning summary as the config wants it. A
// person may ask for one also where none is told every day.
func summary(out *engine.Config, s config.Summary) {
	zone, err := config.LoadZone(s.Timezone)
	when, bad := cron.Parse(s.Schedule)
	if err != nil || bad != nil {
		return // a checked file has neither
	}
	opts := report.MorningOptions{Zone: zone, NoQuietLine: !s.QuietLine, MostItems: report.MostItems}
	for _, name := range s.Sections {
		opts.Parts = append(opts.Parts, chat.MorningPartName(name))
	}
	out.Morning = func(night ledger.Night, s ledger.Summary, now chat.MorningNow) *chat.Morning {
		return report.Morning(night, s, now, opts)
	}
	if s.Enabled {
		out.Daily = &engine.Daily{Schedule: when, Zone: zone}
	}
}
