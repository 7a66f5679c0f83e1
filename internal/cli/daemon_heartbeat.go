package cli

import (
	"warden/internal/heartbeat"
)

// newHeartbeat makes what tells the outside watcher of [heartbeat] that this
// warden works. The daemon runs it; its node and engine must be there by then.
func (d *daemon) newHeartbeat() (*heartbeat.Heartbeat, error) {
	return heartbeat.New(heartbeat.Options{
		Settings: d.heartbeatSettings, Leading: d.leads, Verify: d.node.Verify, Evaluation: d.newestEvaluation,
		Registry: d.Registry, Clock: d.Clock, Logger: d.Logger.Named("heartbeat"),
	})
}

// heartbeatSettings are the settings of [heartbeat] in force.
func (d *daemon) heartbeatSettings() heartbeat.Settings {
	file := d.File()
	s := heartbeat.Settings{Interval: file.Heartbeat.Interval.Std(), Round: d.engine.Config().RoundInterval()}
	if file.Heartbeat.URLFile.IsSet() {
		s.URL = func() (string, error) {
			secret, err := file.HeartbeatURL(d.Env)
			return secret.Reveal(), err
		}
	}
	return s
}

// newestEvaluation is when the newest round was; 0 before a tenure's first.
func (d *daemon) newestEvaluation() int64 {
	v := d.engine.View()
	defer v.Release()
	if v.At.IsZero() {
		return 0
	}
	return v.At.UnixNano()
}
