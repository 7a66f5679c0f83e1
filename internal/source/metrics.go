package source

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"warden/internal/remedy"
)

// Metrics counts and times the requests of all sources. A nil *Metrics counts
// nothing.
type Metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	cache    *prometheus.GaugeVec
	values   *prometheus.CounterVec
}

// NewMetrics makes the metrics and registers them:
//
//   - warden_source_requests_total{source,code}, where code is 200 for answers
//     that could be used, the HTTP status of refusals, and otherwise one of
//     bad_answer, bad_query, cancelled, credentials, other, timeout, too_large
//     and unreachable;
//   - warden_source_request_duration_seconds{source}, to the last byte decoded;
//   - warden_source_cache_bytes{source}, what a cache holds;
//   - warden_source_values_total{source,how}, where how is fetched or cached.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "warden_source_requests_total",
			Help: "Queries to a source by what came of them: an HTTP status code, or a word where there was none or it says too little.",
		}, []string{"source", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "warden_source_request_duration_seconds",
			Help:    "How long queries to a source took until the answer was decoded or given up.",
			Buckets: []float64{0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30},
		}, []string{"source"}),
		cache: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "warden_source_cache_bytes",
			Help: "How much memory the answers take that are kept so that a round asks only for what is new.",
		}, []string{"source"}),
		values: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "warden_source_values_total",
			Help: "Values that detectors judged by, one for each series and instant: asked of the server, or kept from an earlier answer.",
		}, []string{"source", "how"}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.cache, m.values} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register the metrics of sources: %w: make them once", err)
		}
	}
	return m, nil
}

// prepare makes a source's series before its first request, so that rates start
// at 0.
func (m *Metrics) prepare(name remedy.SourceName) {
	if m == nil {
		return
	}
	for _, code := range []string{"200", codeBadAnswer, codeTimeout, codeUnreachable} {
		m.requests.WithLabelValues(string(name), code)
	}
	m.duration.WithLabelValues(string(name))
}

func (m *Metrics) observe(name remedy.SourceName, code string, took time.Duration) {
	if m == nil {
		return
	}
	m.requests.WithLabelValues(string(name), code).Inc()
	m.duration.WithLabelValues(string(name)).Observe(took.Seconds())
}

// cacheBytes says how much a source's cache holds.
func (m *Metrics) cacheBytes(name remedy.SourceName, n int64) {
	if m != nil {
		m.cache.WithLabelValues(string(name)).Set(float64(n))
	}
}

// points counts the values of an answer by where they are from.
func (m *Metrics) points(name remedy.SourceName, fetched, cached int64) {
	if m != nil {
		m.values.WithLabelValues(string(name), "fetched").Add(float64(fetched))
		m.values.WithLabelValues(string(name), "cached").Add(float64(cached))
	}
}
