package source

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"warden/internal/remedy"
)

// vectorStream is a vector of n hosts that is written while it is read, so that
// the body is in nobody's memory.
type vectorStream struct {
	n, i int
	left []byte
	text []byte
}

func (v *vectorStream) Read(p []byte) (int, error) {
	if len(v.left) == 0 {
		if v.i > v.n {
			return 0, io.EOF
		}
		v.text = v.text[:0]
		for ; v.i < v.n && len(v.text) < scanBuffer; v.i++ {
			if v.i > 0 {
				v.text = append(v.text, ',')
			}
			v.text = fmt.Appendf(v.text, `{"metric":{"__name__":"canary_received","instance":"ingest-%07d.example.net:9100","job":"ingest"},"value":[%d,"%d.125"]}`, v.i, at.Unix(), v.i%1000)
		}
		if v.i == v.n {
			v.text = append(v.text, `]}}`...)
			v.i++
		}
		v.left = v.text
	}
	n := copy(p, v.left)
	v.left = v.left[n:]
	return n, nil
}

// BenchmarkMillionHosts decodes a vector of a million hosts, the first time and
// again, and finds the row and the value of each. The time is mostly that of
// writing the answer; see BenchmarkDecodeVector for decoding. Run alone, peak-MB
// is the most memory that the process had resident.
func BenchmarkMillionHosts(b *testing.B) {
	const hosts = 1_000_000
	q, id := gridQuery(1).KeyedBy("instance"), newIdentity()
	names := make([]remedy.HostName, hosts)
	for i := range names {
		names[i] = remedy.HostName(fmt.Sprintf("ingest-%07d.example.net:9100", i))
	}
	roster := remedy.NewRoster(names)
	var on *Table
	for b.Loop() {
		head := strings.NewReader(`{"status":"success","data":{"resultType":"vector","result":[`)
		c, err := decodeColumns(io.MultiReader(head, &vectorStream{n: hosts}), q, decodeLimits{instant: true, label: q.Label, maxSeries: hosts}, id, on)
		if err != nil {
			b.Fatal(err)
		}
		on = c.Table
		f, low := c.Frame(q), 0
		for _, row := range f.Keys.Rows("web", roster, remedy.HostRule{}).Rows {
			if f.At(row, 0) < 5 {
				low++
			}
		}
		if low != hosts/200 {
			b.Fatalf("%d hosts are low", low)
		}
	}
	b.ReportMetric(peakMB(b), "peak-MB")
}

// peakMB is the most memory that this process had resident, in MB.
func peakMB(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(status)); lines.Scan(); {
		var kb float64
		if _, err := fmt.Sscanf(lines.Text(), "VmHWM: %f kB", &kb); err == nil {
			return kb / 1000
		}
	}
	b.Fatal("no VmHWM in /proc/self/status")
	return 0
}
