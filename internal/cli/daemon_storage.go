package cli

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

// storage shows how full the disk of the data directory is. A node that can't
// write its log stops, so people want to know before.
type storage struct{ dir string }

// showStorage registers the metrics of the disk that the data directory is on.
func showStorage(reg prometheus.Registerer, dir string) error {
	if err := reg.Register(storage{dir}); err != nil {
		return fmt.Errorf("register the metrics of the data directory: %w: make one daemon a registry", err)
	}
	return nil
}

func (storage) size() *prometheus.Desc {
	return prometheus.NewDesc("warden_storage_size_bytes", "The size of the disk that the data directory is on.", nil, nil)
}

func (storage) free() *prometheus.Desc {
	return prometheus.NewDesc("warden_storage_free_bytes", "How much of it warden may still write.", nil, nil)
}

// Describe implements prometheus.Collector.
func (s storage) Describe(out chan<- *prometheus.Desc) {
	out <- s.size()
	out <- s.free()
}

// Collect implements prometheus.Collector. What can't be read is not shown:
// any number would be made up.
func (s storage) Collect(out chan<- prometheus.Metric) {
	var st unix.Statfs_t
	if err := unix.Statfs(s.dir, &st); err != nil {
		return
	}
	gauge := func(d *prometheus.Desc, blocks uint64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(blocks)*float64(st.Bsize))
	}
	gauge(s.size(), st.Blocks)
	gauge(s.free(), st.Bavail)
}
