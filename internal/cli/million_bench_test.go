package cli

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"warden/detectors"
	"warden/internal/remedy"
	"warden/internal/source"
)

// BenchmarkOneVector fetches one value of each host over HTTP, and its age, by
// the source that production has, and judges them in pools of 1000. What is
// answered lies in files, so that the memory is warden's. Run one size a
// process: the peak is the process'.
func BenchmarkOneVector(b *testing.B) {
	for _, hosts := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("hosts=%d", hosts), func(b *testing.B) { benchmarkOneVector(b, hosts) })
	}
}

func benchmarkOneVector(b *testing.B, hosts int) {
	b.Helper()
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	dir := b.TempDir()
	writeVector(b, filepath.Join(dir, "value"), hosts, at, func(i int) string { return strconv.FormatFloat(60+float64(i%997)/1000, 'f', 3, 64) })
	writeVector(b, filepath.Join(dir, "age"), hosts, at, func(int) string { return strconv.FormatInt(at.Unix()-5, 10) })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := "value"
		if strings.HasPrefix(r.FormValue("query"), "timestamp(") {
			name = "age"
		}
		w.Header().Set("Content-Type", "application/json")
		http.ServeFile(w, r, filepath.Join(dir, name))
	}))
	defer server.Close()
	prometheus, err := source.NewPrometheus(source.Options{
		Name: "prom", URL: server.URL, MaxSeries: 2_000_000, MaxBytes: 1 << 30, Timeout: 5 * time.Minute,
	})
	if err != nil {
		b.Fatal(err)
	}
	cached := source.NewCached(prometheus, source.CacheOptions{Name: "prom"})
	defer cached.Close()
	d, pools := oneVectorDetector(b, hosts)

	buf := make([]remedy.HostVerdict, 0, 1000)
	good := 0
	look := func() (fetch time.Duration) {
		began := processCPU(b)
		results := source.FetchAll(b.Context(), map[remedy.SourceName]source.Source{"prom": cached}, d.Queries(pools[0], at), 1)
		fetch = processCPU(b) - began
		good = 0
		for _, p := range pools {
			j := d.Judge(p, at, results, buf)
			for i := range j.Verdicts {
				if j.Verdicts[i].Verdict == remedy.VerdictGood {
					good++
				}
			}
		}
		return fetch
	}
	// As the collector is set at, so is the peak: begin with what is in use.
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		b.Fatal(err)
	}
	began := processCPU(b)
	look()
	first := processCPU(b) - began
	var fetched time.Duration
	began = processCPU(b)
	b.ReportAllocs()
	for b.Loop() {
		fetched += look()
	}
	all := processCPU(b) - began
	if good != hosts {
		b.Fatalf("%d of %d are good", good, hosts)
	}
	b.ReportMetric(first.Seconds(), "cpu-s/first")
	b.ReportMetric(fetched.Seconds()/float64(b.N), "cpu-s/fetch")
	b.ReportMetric((all-fetched).Seconds()/float64(b.N), "cpu-s/judge")
	b.ReportMetric(peakMB(b), "MB-peak-rss")
}

// oneVectorDetector judges the newest value alone.
func oneVectorDetector(b *testing.B, hosts int) (*detectors.Threshold, []remedy.PoolView) {
	b.Helper()
	spec := detectors.DefaultThreshold()
	spec.Name, spec.Source, spec.HostLabel, spec.Interval, spec.For = "low", "prom", "host", 15*time.Second, 0
	spec.Conditions = []detectors.Condition{{Query: "canary_received", BadBelow: new(45.0)}}
	var pools []remedy.PoolView
	for from := 0; from < hosts; from += 1000 {
		p := remedy.PoolView{Name: remedy.PoolName(fmt.Sprintf("pool-%04d", from/1000))}
		names := make([]remedy.HostName, 1000)
		for i := range names {
			names[i] = remedy.HostName(vectorHost(from + i))
			p.Hosts = append(p.Hosts, remedy.HostView{Name: names[i], State: remedy.ServiceIn})
		}
		p.Roster = remedy.NewRoster(names)
		spec.Pools = append(spec.Pools, p.Name)
		pools = append(pools, p)
	}
	d, err := detectors.NewThreshold(spec)
	if err != nil {
		b.Fatal(err)
	}
	return d, pools
}

func vectorHost(i int) string { return fmt.Sprintf("ingest-%07d", i) }

// writeVector writes an answer as Prometheus gives it.
func writeVector(b *testing.B, path string, hosts int, at time.Time, value func(i int) string) {
	b.Helper()
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[`)
	for i := range hosts {
		if i > 0 {
			fmt.Fprint(w, ",")
		}
		fmt.Fprintf(w, `{"metric":{"__name__":"canary_received","host":%q,"job":"canary","pool":"pool-%04d"},"value":[%d,%q]}`,
			vectorHost(i), i/1000, at.Unix(), value(i))
	}
	fmt.Fprint(w, `]}}`)
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

// processCPU is the processor time of this process.
func processCPU(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakMB is the most memory that this process has had since its peak was reset.
func peakMB(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	var kb float64
	if _, err := fmt.Sscan(string(rest), &kb); err != nil {
		b.Fatal(err)
	}
	return kb / 1024
}
