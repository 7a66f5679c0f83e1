package realtest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"time"
)

// RemoteWriteArg makes Prometheus take what Write sends.
const RemoteWriteArg = "--web.enable-remote-write-receiver"

// Samples are the samples of one series, the oldest first. Times are in Unix
// milliseconds and may lie ahead of the clock: by less than an hour, for
// Prometheus refuses what is more than that behind its newest sample.
type Samples struct {
	Labels map[string]string // __name__ among them
	Times  []int64
	Values []float64
}

// PID is the process under test, whose cost may be read under /proc.
func (p *Prometheus) PID() int {
	p.tb.Helper()
	if p.cmd == nil {
		p.tb.Fatal("Prometheus does not run: there is no process to look at")
	}
	return p.cmd.Process.Pid
}

// Write hands samples to Prometheus in one remote write request, and fails the
// test unless they are taken. It needs RemoteWriteArg.
func (p *Prometheus) Write(series []Samples) {
	p.tb.Helper()
	var body []byte
	for _, s := range series {
		body = appendField(body, 1, s.encode())
	}
	req, err := http.NewRequestWithContext(p.tb.Context(), http.MethodPost, p.URL+"/api/v1/write", bytes.NewReader(snappyLiterals(body)))
	if err != nil {
		p.tb.Fatal(err)
	}
	req.Header.Set("Content-Encoding", "snappy")
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("X-Prometheus-Remote-Write-Version", "0.1.0")
	resp, err := (&http.Client{Timeout: 5 * time.Minute}).Do(req)
	if err != nil {
		p.tb.Fatalf("write to Prometheus: %v", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		said, _ := io.ReadAll(io.LimitReader(resp.Body, 1000)) // it only explains
		p.tb.Fatalf("Prometheus refuses samples: %s: %s", resp.Status, said)
	}
}

// encode is the protobuf message TimeSeries of remote write 1.0: labels sorted
// by name, then samples.
func (s Samples) encode() []byte {
	var out []byte
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		out = appendField(out, 1, appendField(appendField(nil, 1, []byte(name)), 2, []byte(s.Labels[name])))
	}
	for i, at := range s.Times {
		sample := binary.LittleEndian.AppendUint64([]byte{1<<3 | 1}, math.Float64bits(s.Values[i]))
		sample = binary.AppendUvarint(append(sample, 2<<3), uint64(at))
		out = appendField(out, 2, sample)
	}
	return out
}

// appendField appends a protobuf field of bytes.
func appendField(to []byte, number byte, value []byte) []byte {
	to = binary.AppendUvarint(append(to, number<<3|2), uint64(len(value)))
	return append(to, value...)
}

// snappyLiterals is a valid snappy block that compresses nothing.
func snappyLiterals(body []byte) []byte {
	out := binary.AppendUvarint(make([]byte, 0, len(body)+len(body)/1000+16), uint64(len(body)))
	for chunk := range slices.Chunk(body, 1<<16) {
		out = append(out, 61<<2) // a literal whose length, less one, is in two bytes
		out = binary.LittleEndian.AppendUint16(out, uint16(len(chunk)-1))
		out = append(out, chunk...)
	}
	return out
}

// Reload replaces the configuration of a running Prometheus. Files that it
// names are looked for beside it: see File. It returns when the rules that were
// under evaluation have ended.
func (p *Prometheus) Reload(config string) {
	p.tb.Helper()
	p.File("prometheus.yml", config)
	resp, err := (&http.Client{Timeout: 5 * time.Minute}).Post(p.URL+"/-/reload", "", nil)
	if err != nil {
		p.tb.Fatalf("reload Prometheus: %v", err)
	}
	defer resp.Body.Close()
	if said, err := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		p.tb.Fatal(fmt.Errorf("reload Prometheus: %s: %s %w", resp.Status, said, err))
	}
}
