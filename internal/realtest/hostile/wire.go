package hostile

import (
	"bytes"
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// status answers with a status and a text.
func status(code int, contentType, text string, headers ...string) func(http.ResponseWriter, *http.Request, []byte) {
	return func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.Header().Set("Content-Type", contentType)
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, text)
	}
}

// raw answers on the bare connection and closes it.
func raw(f func(c net.Conn, done <-chan struct{}, honest []byte)) func(http.ResponseWriter, *http.Request, []byte) {
	return func(w http.ResponseWriter, _ *http.Request, honest []byte) {
		// Without reading on, net/http tells that the caller has hung up by
		// nothing; a hijacked connection is closed by its deadline at worst.
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		done := make(chan struct{})
		go func() { // ends when the caller hangs up, or f is done
			defer close(done)
			_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
			_, _ = c.Read(make([]byte, 1))
		}()
		f(c, done, honest)
	}
}

const jsonHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

// drip writes a text byte by byte and never ends.
func drip(text string, every time.Duration) func(net.Conn, <-chan struct{}, []byte) {
	return func(c net.Conn, done <-chan struct{}, honest []byte) {
		if _, err := io.WriteString(c, text); err != nil {
			return
		}
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			case <-time.After(every):
			}
			if _, err := c.Write(honest[i%len(honest) : i%len(honest)+1]); err != nil {
				return
			}
		}
	}
}

// forever writes a block again and again until the caller has had enough, or
// 10 GB went out.
func forever(w io.Writer, head, block string) {
	if _, err := io.WriteString(w, head); err != nil {
		return
	}
	big := []byte(strings.Repeat(block, 1+(64<<10)/len(block)))
	for sent := 0; sent < 10<<30; sent += len(big) {
		if _, err := w.Write(big); err != nil {
			return
		}
	}
}

// many writes a list of n elements, which element appends, until the caller has
// had enough.
func many(w io.Writer, n int, head, tail string, element func(b []byte, i int) []byte) {
	b := []byte(head)
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		if b = element(b, i); len(b) > 64<<10 {
			if _, err := w.Write(b); err != nil {
				return
			}
			b = b[:0]
		}
	}
	_, _ = w.Write(append(b, tail...)) // the caller hung up
}

// redirect sends the caller elsewhere.
func redirect(code int, to string) func(http.ResponseWriter, *http.Request, []byte) {
	return func(w http.ResponseWriter, r *http.Request, _ []byte) {
		w.Header().Set("Location", strings.ReplaceAll(to, "HERE", "http://"+r.Host+r.URL.Path))
		w.WriteHeader(code)
	}
}

const loginPage = "<!doctype html><html><title>Sign in</title><body><h1>Sign in</h1><form method=post></form></html>\n"

// Wire are the bad answers that have nothing to do with what is in them: each
// kind of source can get all of them.
func Wire() []Answer {
	return []Answer{
		{Name: "accepts and never answers", Serve: raw(func(_ net.Conn, done <-chan struct{}, _ []byte) { <-done })},
		{Name: "1 byte a second", Serve: raw(drip(jsonHead+"Content-Length: 100000\r\n\r\n", time.Second))},
		{Name: "1 byte every 10 ms", Serve: raw(drip(jsonHead+"Content-Length: 100000\r\n\r\n", 10*time.Millisecond))},
		{Name: "headers that never end", Serve: raw(func(c net.Conn, _ <-chan struct{}, _ []byte) {
			forever(c, jsonHead, "X-More: "+strings.Repeat("x", 1000)+"\r\n")
		})},
		{Name: "slow headers", Serve: raw(func(c net.Conn, done <-chan struct{}, _ []byte) {
			drip("HTTP/1.1 200 OK\r\nX-Slow: ", 10*time.Millisecond)(c, done, []byte("x"))
		})},
		{Name: "status line and silence", Serve: raw(func(c net.Conn, done <-chan struct{}, _ []byte) {
			_, _ = io.WriteString(c, jsonHead+"Content-Length: 9\r\n\r\n")
			<-done
		})},
		{Name: "hangs up", Serve: raw(func(net.Conn, <-chan struct{}, []byte) {})},
		{Name: "resets in the middle", Serve: raw(func(c net.Conn, _ <-chan struct{}, honest []byte) {
			_, _ = io.WriteString(c, jsonHead+"Content-Length: "+strconv.Itoa(len(honest))+"\r\n\r\n")
			_, _ = c.Write(honest[:len(honest)/2])
			if t, ok := c.(*net.TCPConn); ok {
				_ = t.SetLinger(0)
			}
		})},
		{Name: "body shorter than its length", Serve: raw(func(c net.Conn, _ <-chan struct{}, honest []byte) {
			_, _ = io.WriteString(c, jsonHead+"Content-Length: "+strconv.Itoa(len(honest)+1)+"\r\n\r\n")
			_, _ = c.Write(honest)
		})},
		{Name: "body longer than its length", Serve: raw(func(c net.Conn, _ <-chan struct{}, honest []byte) {
			_, _ = io.WriteString(c, jsonHead+"Content-Length: "+strconv.Itoa(len(honest)-10)+"\r\n\r\n")
			_, _ = c.Write(honest)
		})},
		{Name: "two lengths", Serve: raw(func(c net.Conn, _ <-chan struct{}, honest []byte) {
			_, _ = io.WriteString(c, jsonHead+"Content-Length: 1\r\nContent-Length: "+strconv.Itoa(len(honest))+"\r\n\r\n")
			_, _ = c.Write(honest)
		})},
		{Name: "negative length", Serve: raw(func(c net.Conn, _ <-chan struct{}, honest []byte) {
			_, _ = io.WriteString(c, jsonHead+"Content-Length: -1\r\n\r\n")
			_, _ = c.Write(honest)
		})},
		{Name: "chunks of bad size", Serve: raw(func(c net.Conn, _ <-chan struct{}, honest []byte) {
			_, _ = io.WriteString(c, jsonHead+"Transfer-Encoding: chunked\r\n\r\nzz\r\n"+string(honest)+"\r\n0\r\n\r\n")
		})},
		{Name: "a chunk of 2^63 bytes", Serve: raw(func(c net.Conn, done <-chan struct{}, honest []byte) {
			_, _ = io.WriteString(c, jsonHead+"Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n"+string(honest))
			<-done
		})},
		{Name: "chunks without an end", Serve: raw(func(c net.Conn, _ <-chan struct{}, honest []byte) {
			_, _ = io.WriteString(c, jsonHead+"Transfer-Encoding: chunked\r\n\r\n"+strconv.FormatInt(int64(len(honest)), 16)+"\r\n"+string(honest)+"\r\n")
		})},
		{Name: "TLS where there is none", Serve: raw(func(c net.Conn, _ <-chan struct{}, _ []byte) {
			_, _ = c.Write([]byte("\x15\x03\x01\x00\x02\x02\x46"))
		})},
		{Name: "not HTTP", Serve: raw(func(c net.Conn, _ <-chan struct{}, honest []byte) { _, _ = c.Write(honest) })},
		{Name: "HTTP/0.9", Serve: raw(func(c net.Conn, _ <-chan struct{}, honest []byte) { _, _ = c.Write(append([]byte("\r\n"), honest...)) })},
		{Name: "gzip bomb", Heavy: true, Serve: func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			forever(z, "", " ")
			_ = z.Close()
		}},
		{Name: "gzip that isn't", Serve: func(w http.ResponseWriter, _ *http.Request, honest []byte) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(honest)
		}},
		{Name: "encoding nobody asked for", Serve: func(w http.ResponseWriter, _ *http.Request, honest []byte) {
			w.Header().Set("Content-Encoding", "br")
			_, _ = w.Write(honest)
		}},
		{Name: "10 GB of blanks", Heavy: true, Serve: func(w http.ResponseWriter, _ *http.Request, _ []byte) { forever(w, "", " ") }},
		{Name: "10 GB announced", Heavy: true, Serve: func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			w.Header().Set("Content-Length", strconv.Itoa(10<<30))
			forever(w, "", " ")
		}},
		{Name: "10 GB of errors", Heavy: true, Serve: func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			w.WriteHeader(http.StatusInternalServerError)
			forever(w, "", "oh no ")
		}},
		{Name: "redirect to the metadata service", Serve: redirect(http.StatusFound, "http://169.254.169.254/latest/meta-data/")},
		{Name: "redirect to another host", Serve: redirect(http.StatusTemporaryRedirect, "http://elsewhere.invalid/api/v1/query")},
		{Name: "redirect in a circle", Serve: redirect(http.StatusTemporaryRedirect, "HERE")},
		{Name: "redirect to a file", Serve: redirect(http.StatusMovedPermanently, "file:///etc/passwd")},
		{Name: "redirect to nowhere", Serve: redirect(http.StatusFound, "://\x7f")},
		{Name: "login page", Serve: status(http.StatusOK, "text/html; charset=utf-8", loginPage)},
		{Name: "login page as JSON", Serve: status(http.StatusOK, "application/json", loginPage)},
		{Name: "401", Serve: status(http.StatusUnauthorized, "text/plain", "no", "WWW-Authenticate", "Basic")},
		{Name: "403", Serve: status(http.StatusForbidden, "text/plain", "no")},
		{Name: "404", Serve: status(http.StatusNotFound, "text/plain", "404 page not found")},
		{Name: "429", Serve: status(http.StatusTooManyRequests, "text/plain", "slow down", "Retry-After", "3600")},
		{Name: "429 and a wild Retry-After", Serve: status(http.StatusTooManyRequests, "text/plain", "slow down", "Retry-After", "-99999999999999999999")},
		{Name: "500", Serve: status(http.StatusInternalServerError, "text/plain", "panic")},
		{Name: "503", Serve: status(http.StatusServiceUnavailable, "text/html", loginPage, "Retry-After", "1")},
		{Name: "204", Serve: func(w http.ResponseWriter, _ *http.Request, _ []byte) { w.WriteHeader(http.StatusNoContent) }},
		{Name: "206", Serve: func(w http.ResponseWriter, _ *http.Request, honest []byte) {
			w.Header().Set("Content-Range", "bytes 0-99/100000")
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(honest)
		}},
		{Name: "an error with good data", Serve: func(w http.ResponseWriter, _ *http.Request, honest []byte) {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = w.Write(honest)
		}},
		{Name: "empty body", Body: func([]byte) []byte { return nil }},
		{Name: "cut-off JSON", Body: func(b []byte) []byte { return b[:len(b)-len(b)/3] }},
		{Name: "last byte missing", Body: func(b []byte) []byte { return bytes.TrimRight(b, "\n")[:len(bytes.TrimRight(b, "\n"))-1] }},
		{Name: "garbage behind the JSON", Body: func(b []byte) []byte { return append(b, "<!-- cached -->"...) }},
		{Name: "two documents", Body: func(b []byte) []byte { return append(append(b, '\n'), b...) }},
		{Name: "UTF-16", Body: func(b []byte) []byte {
			out := []byte{0xff, 0xfe}
			for _, u := range utf16.Encode([]rune(string(b))) {
				out = append(out, byte(u), byte(u>>8))
			}
			return out
		}},
		{Name: "byte order mark", Body: func(b []byte) []byte { return append([]byte("\xef\xbb\xbf"), b...) }},
		{Name: "JSONP", Body: func(b []byte) []byte { return append(append([]byte("callback("), b...), ");"...) }},
		{Name: "deep lists", Heavy: true, Body: func([]byte) []byte { return bytes.Repeat([]byte("["), 4<<20) }},
		{Name: "deep objects", Heavy: true, Body: func([]byte) []byte { return bytes.Repeat([]byte(`{"data":`), 1<<19) }},
		{Name: "null", Body: func([]byte) []byte { return []byte("null") }},
		{Name: "a number", Body: func([]byte) []byte { return []byte("42") }},
		{Name: "a text", Body: func([]byte) []byte { return []byte(`"ok"`) }},
		{Name: "NUL bytes", Body: func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(","), []byte(",\x00")) }},
	}
}

// Content are the bad answers in a well-formed body that every dialect can
// write: bad names, bad times, bad numbers.
func Content() []Answer {
	return []Answer{
		{Name: "null values", Change: value("null")},
		{Name: "no series", Change: func([]Series) []Series { return nil }},
		{Name: "series without samples", Change: func(all []Series) []Series {
			for i := range all {
				all[i].Points = nil
			}
			return all
		}},
		{Name: "values that are lists", Change: value("[1]")},
		{Name: "values that are objects", Change: value(`{"v":1}`)},
		{Name: "values that are true", Change: value("true")},
		{Name: "times that are null", Change: each(func(p Point) Point { return Point{"null", p.Value} })},
		{Name: "times that are texts", Change: each(func(p Point) Point { return Point{`"` + p.At + `"`, p.Value} })},
		{Name: "times beyond all years", Change: each(func(p Point) Point { return Point{"1e300", p.Value} })},
		{Name: "negative times", Change: each(func(p Point) Point { return Point{"-" + p.At, p.Value} })},
		{Name: "a day in the future", Change: shifted(24 * time.Hour)},
		{Name: "a day in the past", Change: shifted(-24 * time.Hour)},
		{Name: "seven seconds off the steps", Change: shifted(7 * time.Second)},
		{Name: "all samples at one time", Change: func(all []Series) []Series {
			for i := range all {
				for j := range all[i].Points {
					all[i].Points[j].At = all[i].Points[0].At
				}
			}
			return all
		}},
		{Name: "backwards", Change: func(all []Series) []Series {
			for i := range all {
				p := all[i].Points
				for a, b := 0, len(p)-1; a < b; a, b = a+1, b-1 {
					p[a], p[b] = p[b], p[a]
				}
			}
			return all
		}},
		{Name: "each series twice", Change: func(all []Series) []Series { return append(all, all...) }},
		{Name: "a second series of the bad host", Change: func(all []Series) []Series {
			for _, s := range all {
				for label := range s.Labels {
					twin := clone(s)
					twin.Labels[label+"_copy"] = "x"
					all = append(all, twin)
				}
			}
			return all
		}},
		{Name: "no labels", Change: func(all []Series) []Series {
			for i := range all {
				all[i].Name, all[i].Labels = "", map[string]string{}
			}
			return all
		}},
		{Name: "empty host names", Change: named(func(int, string) string { return "" })},
		{Name: "all hosts renamed", Change: named(func(_ int, name string) string { return "new-" + name })},
		{Name: "hosts in upper case", Change: named(func(_ int, name string) string { return strings.ToUpper(name) })},
		{Name: "hosts with a blank", Change: named(func(_ int, name string) string { return name + " " })},
		{Name: "hosts with a NUL", Change: named(func(_ int, name string) string { return name + "\x00" })},
		{Name: "hosts with a line break", Change: named(func(_ int, name string) string { return name + "\nset server be/" + name + " state maint" })},
		{Name: "hosts as options", Change: named(func(_ int, name string) string { return "--" + name })},
		{Name: "hosts as shell", Change: named(func(_ int, name string) string { return name + ";$(reboot)" })},
		{Name: "hosts as markup", Change: named(func(_ int, name string) string { return "<b onload=x>" + name + "</b>" })},
		{Name: "hosts as a path", Change: named(func(_ int, name string) string { return "../" + name })},
		{Name: "hosts of 1 MB", Heavy: true, Change: named(func(int, string) string { return strings.Repeat("h", 1<<20) })},
		{Name: "all hosts have one name", Change: named(func(int, string) string { return "h00000" })},
		{Name: "unknown hosts that are bad", Innocent: true, Change: func(all []Series) []Series {
			for _, s := range all {
				lost := named(func(int, string) string { return "unknown-" + s.Name })([]Series{clone(s)})
				all = append(all, zero(lost)...)
			}
			return all
		}},
		{Name: "half the hosts are gone", Innocent: true, Change: func(all []Series) []Series { return all[:len(all)/2] }},
		{Name: "all zero", WellFormed: true, Change: zero},
		{Name: "30 000 unknown series", Heavy: true, Innocent: true, Change: func(all []Series) []Series {
			if len(all) == 0 {
				return nil
			}
			for i := range 30_000 {
				all = append(all, zero(named(func(int, string) string { return "x" + strconv.Itoa(i) })([]Series{clone(all[0])}))...)
			}
			return all
		}},
	}
}

// zero makes every value 0, in quotes where there were some.
func zero(all []Series) []Series {
	return each(func(p Point) Point {
		if strings.HasPrefix(p.Value, `"`) {
			return Point{p.At, `"0"`}
		}
		return Point{p.At, "0"}
	})(all)
}
