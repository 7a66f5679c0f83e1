package fakepager

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"
)

// hookTests are the rules of webhooks.
var hookTests = map[string]func(d *desk){
	"hook_signature": func(d *desk) {
		h := d.hook(Hook{Secrets: []string{"old", "new"}}, 202)
		d.s.Raise("PINGEST", Alert{Summary: "s"})
		d.s.Deliver(d.t.Context())
		got := h.all()[0]
		for _, secret := range []string{"old", "new"} {
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write(got.body)
			if want := "v1=" + hex.EncodeToString(mac.Sum(nil)); !slices.Contains(strings.Split(got.header.Get("X-PagerDuty-Signature"), ","), want) {
				d.t.Errorf("%s lacks %s", got.header.Get("X-PagerDuty-Signature"), want)
			}
		}
		if !bytes.Contains(got.body, []byte(`"event_type":"incident.triggered"`)) {
			d.t.Errorf("%s", got.body)
		}
	},
	"hook_retry": func(d *desk) {
		h := d.hook(Hook{}, 500, 429, 503, 500, 500)
		d.s.Raise("PINGEST", Alert{Summary: "s"})
		d.minutes(30)
		ids := map[string]bool{}
		for _, got := range h.all() {
			ids[got.header.Get("X-Webhook-Id")] = true
		}
		if len(h.all()) != hookAttempts || len(ids) != 1 {
			d.t.Errorf("%d attempts, %d ids", len(h.all()), len(ids))
		}
		if last := h.all()[hookAttempts-1].at.Sub(began); last != 20*time.Minute {
			d.t.Errorf("the last attempt was after %s", last)
		}
	},
	"hook_dropped": func(d *desk) {
		h := d.hook(Hook{}, 400, 202)
		d.s.Raise("PINGEST", Alert{Summary: "s"})
		d.minutes(30)
		d.s.Raise("PINGEST", Alert{Summary: "s"})
		d.minutes(1)
		if n := len(h.all()); n != 2 {
			d.t.Errorf("%d attempts", n)
		}
	},
	"hook_disabled": func(d *desk) {
		h := d.hook(Hook{}, 400, 400, 400, 202)
		for range 5 {
			d.s.Raise("PINGEST", Alert{Summary: "s"})
		}
		d.minutes(5)
		d.s.Raise("PINGEST", Alert{Summary: "s"})
		d.minutes(5)
		if n := len(h.all()); n != hookDrops {
			d.t.Errorf("%d attempts", n)
		}
		d.clk.Advance(24 * time.Hour)
		d.s.Raise("PINGEST", Alert{Summary: "s"})
		d.minutes(1)
		if n := len(h.all()); n != hookDrops+1 {
			d.t.Errorf("%d attempts after a day", n)
		}
	},
	"hook_twice": func(d *desk) {
		h := d.hook(Hook{Twice: true}, 202)
		d.s.Raise("PINGEST", Alert{Summary: "s"})
		d.minutes(1)
		if got := h.all(); len(got) != 2 || got[0].header.Get("X-Webhook-Id") != got[1].header.Get("X-Webhook-Id") {
			d.t.Errorf("%d deliveries", len(got))
		}
	},
}

// listener takes webhooks and answers with one status after the other, the last
// one for good.
type listener struct {
	mu       sync.Mutex
	statuses []int
	got      []delivery
}

type delivery struct {
	header http.Header
	body   []byte
	at     time.Time
}

func (l *listener) all() []delivery {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.got)
}

func (d *desk) hook(h Hook, statuses ...int) *listener {
	l := &listener{statuses: statuses}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			d.t.Error(err)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.got = append(l.got, delivery{r.Header.Clone(), body, d.clk.Now()})
		w.WriteHeader(l.statuses[0])
		if len(l.statuses) > 1 {
			l.statuses = l.statuses[1:]
		}
	}))
	d.t.Cleanup(web.Close)
	h.URL = web.URL
	d.s.Subscribe(h)
	return l
}

// minutes lets time pass, delivering what is due.
func (d *desk) minutes(n int) {
	for range n {
		d.s.Deliver(d.t.Context())
		d.clk.Advance(time.Minute)
	}
	d.s.Deliver(d.t.Context())
}
