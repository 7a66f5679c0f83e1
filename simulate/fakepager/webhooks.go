package fakepager

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// Hook is a webhook subscription.
type Hook struct {
	URL string
	// Secrets sign each delivery; several while one takes the place of another.
	Secrets []string
	// Twice has every webhook that was taken delivered once more.
	Twice bool
}

// hook is a subscription with what waits for it.
type hook struct {
	Hook
	queue    []*webhook
	dropped  int // in a row
	disabled time.Time
}

// webhook is one that waits to be delivered.
type webhook struct {
	id      string
	body    []byte
	tries   int
	due     time.Time
	another bool // it was taken, and comes once more
}

// backoff is how long after each attempt the next one is: about 20 minutes in
// all.
var backoff = [hookAttempts - 1]time.Duration{time.Minute, 3 * time.Minute, 6 * time.Minute, 10 * time.Minute}

// Subscribe sends webhooks to an address from now on. They wait until Deliver
// is called.
func (s *Server) Subscribe(h Hook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks = append(s.hooks, &hook{Hook: h})
}

// publish queues a webhook of an incident for everybody. The caller holds s.mu.
func (s *Server) publish(kind string, inc *Incident) {
	now := s.Clock.Now()
	for _, h := range s.hooks {
		if !h.disabled.IsZero() && now.Sub(h.disabled) < 24*time.Hour {
			continue
		}
		h.disabled = time.Time{}
		id := s.id("W")
		body, _ := json.Marshal(map[string]any{"event": map[string]any{ // of strings and numbers only: it can't fail
			"id": id, "event_type": kind, "resource_type": "incident", "occurred_at": now.UTC().Format(time.RFC3339Nano),
			"data": map[string]any{"id": inc.ID, "type": "incident", "number": inc.Number, "status": inc.Status, "title": inc.Title, "incident_key": inc.Key, "service": map[string]any{"id": inc.Service, "type": "service_reference"}},
		}})
		h.queue = append(h.queue, &webhook{id: id, body: body, due: now})
	}
}

// Deliver sends what is due, in the order of each subscription, until nothing
// is.
func (s *Server) Deliver(ctx context.Context) {
	s.mu.Lock()
	hooks := append([]*hook(nil), s.hooks...)
	s.mu.Unlock()
	for _, h := range hooks {
		for ctx.Err() == nil && s.deliverOne(ctx, h) {
			continue
		}
	}
}

// deliverOne makes one attempt; false when nothing is due.
func (s *Server) deliverOne(ctx context.Context, h *hook) bool {
	s.mu.Lock()
	if len(h.queue) == 0 || h.queue[0].due.After(s.Clock.Now()) {
		s.mu.Unlock()
		return false
	}
	w := h.queue[0]
	s.mu.Unlock()
	status := s.send(ctx, h.Hook, w)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Clock.Now()
	w.tries++
	switch {
	case status/100 == 2 && h.Twice && !w.another:
		w.another, w.tries = true, 0
	case status/100 == 2:
		h.queue, h.dropped = h.queue[1:], 0
	case (status == 0 || status == http.StatusTooManyRequests || status >= 500) && w.tries < hookAttempts:
		w.due = now.Add(backoff[w.tries-1])
	default:
		h.queue = h.queue[1:]
		if h.dropped++; h.dropped >= hookDrops {
			h.dropped, h.disabled, h.queue = 0, now, nil
		}
	}
	return true
}

// send makes the request; 0 stands for no answer.
func (s *Server) send(ctx context.Context, h Hook, w *webhook) int {
	ctx, cancel := context.WithTimeout(ctx, hookAnswerSecs*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(w.body))
	if err != nil {
		return 0
	}
	var signatures []string
	for _, secret := range h.Secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(w.body)
		signatures = append(signatures, "v1="+hex.EncodeToString(mac.Sum(nil)))
	}
	req.Header.Set("X-PagerDuty-Signature", strings.Join(signatures, ","))
	req.Header.Set("X-Webhook-Id", w.id)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "PagerDuty-Webhook/V3.0")
	resp, err := s.Client.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
