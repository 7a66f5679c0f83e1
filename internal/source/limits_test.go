package source

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// stream writes until the reader goes away, or ten gigabytes.
func stream(w io.Writer) {
	chunk := []byte(strings.Repeat(`[1,"1"],`, 8192))
	for range 10 << 30 / len(chunk) {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

func TestFetchCaps(t *testing.T) {
	small := func(o *Options) { o.MaxBytes = 1 << 20; o.Timeout = 30 * time.Second }
	head := `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[`
	endless := `{"status":"success","stats":[`
	t.Run("ten gigabytes", func(t *testing.T) {
		p := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, endless)
			stream(w)
		}, small)
		wantNeither(t.Context(), t, p, rangeQuery(), "larger than 1048576 bytes: narrow the query")
	})
	t.Run("ten announced gigabytes", func(t *testing.T) {
		p := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10737418240")
			_, _ = io.WriteString(w, head)
		}, small)
		wantNeither(t.Context(), t, p, rangeQuery(), "larger than 1048576 bytes")
	})
	t.Run("gzip bomb", func(t *testing.T) {
		p := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Accept-Encoding") != "identity" {
				t.Errorf("Accept-Encoding: %q", r.Header.Get("Accept-Encoding"))
			}
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, endless)
			stream(z)
		}, small)
		wantNeither(t.Context(), t, p, rangeQuery(), "larger than 1048576 bytes")
	})
	t.Run("honest gzip", func(t *testing.T) {
		p := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, head+`[1,"1"]]}]}}`)
			_ = z.Close()
		}, small)
		if r := p.Raw(t.Context(), rangeQuery()); r.Failed != "" || len(r.Series) != 1 {
			t.Errorf("%+v", r)
		}
		if r := p.Fetch(t.Context(), rangeQuery()); r.Failed != "" {
			t.Errorf("%+v", r)
		}
	})
	t.Run("exactly at the cap", func(t *testing.T) {
		body := `{"status":"success","data":{"resultType":"vector","result":[]}}`
		at := func(o *Options) { o.MaxBytes = int64(len(body)) }
		below := func(o *Options) { o.MaxBytes = int64(len(body)) - 1 }
		if r := serve(t, respond(body), at).Raw(t.Context(), instantQuery()); r.Failed != "" {
			t.Error(r.Failed)
		}
		wantNeither(t.Context(), t, serve(t, respond(body), below), instantQuery(), "larger than")
	})
	t.Run("series", func(t *testing.T) {
		one := `{"metric":{},"value":[1,"1"]}`
		body := func(n int) string {
			return `{"status":"success","data":{"resultType":"vector","result":[` + one + strings.Repeat(","+one, n-1) + `]}}`
		}
		ten := func(o *Options) { o.MaxSeries = 10 }
		if r := serve(t, respond(body(10)), ten).Raw(t.Context(), instantQuery()); len(r.Series) != 10 {
			t.Errorf("at the cap: %d series, %s", len(r.Series), r.Failed)
		}
		wantNeither(t.Context(), t, serve(t, respond(body(11)), ten), instantQuery(), "more than 10 series")
	})
}

func TestFetchEndsInTime(t *testing.T) {
	quick := func(o *Options) { o.Timeout = 150 * time.Millisecond }
	drip := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-r.Context().Done():
				return
			case <-tick.C:
				_, _ = io.WriteString(w, " ")
				_ = http.NewResponseController(w).Flush()
			}
		}
	}
	silent := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // net/http notices a lost client only then
		<-r.Context().Done()
	}
	for name, h := range map[string]http.HandlerFunc{"drip": drip, "silence": silent} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			wantNeither(t.Context(), t, serve(t, h, quick), instantQuery(), "no complete answer within 150ms")
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
	t.Run("called off", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		wantNeither(ctx, t, serve(t, silent), instantQuery(), "called off")
	})
	t.Run("the caller's deadline", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		wantNeither(ctx, t, serve(t, silent), instantQuery(), "no complete answer")
	})
}

func TestFetchWithoutConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wantNeither(t.Context(), t, newSource(t, closed), instantQuery(), "connection refused: check that it runs")
	wantNeither(t.Context(), t, newSource(t, "http://no-such-host.invalid"), instantQuery(), "can't be resolved: check url and DNS")

	plain := httptest.NewServer(respond(`{}`))
	t.Cleanup(plain.Close)
	wantNeither(t.Context(), t, newSource(t, strings.Replace(plain.URL, "http:", "https:", 1)), instantQuery(), "does not speak TLS")

	secure := httptest.NewUnstartedServer(respond(`{"status":"success","data":{"resultType":"vector","result":[]}}`))
	secure.Config.ErrorLog = discardLog()
	secure.StartTLS()
	t.Cleanup(secure.Close)
	wantNeither(t.Context(), t, newSource(t, secure.URL), instantQuery(), "certificate is not trusted")
	trusting := newSource(t, secure.URL, func(o *Options) {
		o.TLS = secure.Client().Transport.(*http.Transport).TLSClientConfig
	})
	if r := trusting.Raw(t.Context(), instantQuery()); r.Failed != "" {
		t.Error(r.Failed)
	}
	wantNeither(t.Context(), t, newSource(t, "http://x", func(o *Options) {
		o.Transport = roundTrip(func(*http.Request) (*http.Response, error) {
			return nil, errors.New("odd " + planted + " at http://u:pw@h/")
		})
	}), instantQuery(), "the request failed (odd [redacted] at http://[redacted]@h/)")
}
