package fakeslack

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// Kinds of what is sent to an app.
const (
	KindInteractive = "interactive"
	KindSlash       = "slash_commands"
	KindEvent       = "events_api"
)

// Delivery is something that a person did, on its way to the app. It is sent
// until it is acknowledged in time: at once again after the first 3 seconds,
// then after a minute and after five, each time to whichever connection the
// route says, with an envelope id of its own.
type Delivery struct {
	// Kind is one of the Kinds.
	Kind string
	// Payload is what is sent, without its envelope.
	Payload json.RawMessage

	s        *Server
	user     string
	modal    *View // submitted with this delivery
	channel  string
	waiting  bool // for a connection
	settled  bool
	reason   string
	timeouts int
	attempts []*Attempt
	response json.RawMessage
	err      error
	done     chan struct{}
	stop     func() bool
}

// Attempt is one time that a delivery was sent.
type Attempt struct {
	At time.Time
	// Connection is the number of the connection; 0 over HTTP.
	Connection int
	// Envelope is the envelope's id.
	Envelope string
	// Failed is why it did not count: timeout, connection_failed, http_error;
	// empty for one that was acknowledged, or still may be.
	Failed string
}

// ErrNotAcknowledged is what a Delivery says that the app never acknowledged in
// time: the user was shown a warning.
var ErrNotAcknowledged = errors.New("fakeslack: the app did not acknowledge within 3 seconds: acknowledge first, work afterwards")

// Done is closed when the delivery was acknowledged, or given up.
func (d *Delivery) Done() <-chan struct{} { return d.done }

// Err is ErrNotAcknowledged after a delivery was given up, else nil.
func (d *Delivery) Err() error {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	return d.err
}

// Attempts returns how it was sent so far.
func (d *Delivery) Attempts() []Attempt {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	var out []Attempt
	for _, a := range d.attempts {
		out = append(out, *a)
	}
	return out
}

// Response is what the app sent along with its acknowledgement.
func (d *Delivery) Response() json.RawMessage {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	return slices.Clone(d.response)
}

func (d *Delivery) find(envelope string) *Attempt {
	i := slices.IndexFunc(d.attempts, func(a *Attempt) bool { return a.Envelope == envelope })
	if i < 0 {
		return nil
	}
	return d.attempts[i]
}

// Route chooses the connection that gets a delivery: one of the open ones,
// whose numbers are given in order and never none. Attempt counts from 0. A
// number that isn't open makes the delivery wait for it.
type Route func(open []int, attempt int) int

// RoundRobin gives each connection its turn.
func RoundRobin() Route {
	turn := 0
	return func(open []int, _ int) int {
		turn++
		return open[(turn-1)%len(open)]
	}
}

// Random draws a connection; two of one seed draw alike.
func Random(seed uint64) Route {
	random := rand.New(rand.NewPCG(seed, seed))
	return func(open []int, _ int) int { return open[random.IntN(len(open))] }
}

// To sends everything to the connection of a number.
func To(number int) Route { return func([]int, int) int { return number } }

// Via sets the route of what is sent from now on.
func (s *Server) Via(route Route) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sockets.route = route
}

// Duplicate makes each of the next n deliveries come twice at once: the same
// payload in two envelopes, each by the route.
func (s *Server) Duplicate(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sockets.twice = n
}

// Deliver sends a payload of a kind as it is: for what no honest person could
// send, such as a value that no button has.
func (s *Server) Deliver(kind string, payload any) *Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deliver(&Delivery{Kind: kind, Payload: encode(payload)})
}

// Again sends what was sent before once more, with a new envelope, whether it
// was acknowledged or not.
func (s *Server) Again(d *Delivery) *Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deliver(&Delivery{Kind: d.Kind, Payload: d.Payload, user: d.user, channel: d.channel, modal: d.modal})
}

// deliver begins to send. The caller holds the lock.
func (s *Server) deliver(d *Delivery) *Delivery {
	d.s, d.done = s, make(chan struct{})
	s.sockets.pending = append(s.sockets.pending, d)
	s.attempt(d, "")
	if s.sockets.twice > 0 && s.opts.RequestURL == "" && len(d.attempts) > 0 {
		s.sockets.twice--
		s.send(d, d.reason)
	}
	return d
}

// attempt sends a delivery once more, or leaves it until there is a connection.
// The caller holds the lock.
func (s *Server) attempt(d *Delivery, reason string) {
	if d.stop != nil {
		d.stop()
	}
	if d.settled || s.ctx == nil || s.ctx.Err() != nil {
		return
	}
	d.reason = reason
	if s.opts.RequestURL != "" {
		s.request(d, reason)
		return
	}
	d.waiting = !s.send(d, reason)
	n := len(d.attempts)
	d.stop = s.wire.AfterFunc(time.Duration(ruleAck.limit())*time.Second, func() { s.expire(d, n) })
}

// send puts a delivery into an envelope and onto a connection. It returns false
// when there is none.
func (s *Server) send(d *Delivery, reason string) bool {
	var open []int
	for _, n := range slices.Sorted(maps.Keys(s.sockets.open)) {
		if !s.sockets.open[n].leaving {
			open = append(open, n)
		}
	}
	if len(open) == 0 {
		return false
	}
	k := s.sockets.open[s.sockets.route(open, len(d.attempts))]
	if k == nil || k.leaving {
		return false
	}
	a := &Attempt{At: s.clk.Now(), Connection: k.number, Envelope: s.id("envelope-")}
	envelope := answer{
		"envelope_id": a.Envelope, "type": d.Kind, "payload": d.Payload,
		"accepts_response_payload": d.Kind != KindEvent,
	}
	if len(d.attempts) > 0 && reason != "" {
		envelope["retry_attempt"], envelope["retry_reason"] = len(d.attempts), reason
	}
	d.attempts = append(d.attempts, a)
	k.flight[a.Envelope] = d
	k.send(envelope)
	return true
}

// waits are how long after a timeout a delivery is sent again:
// https://docs.slack.dev/apis/events-api/#retries.
func waits() []time.Duration { return []time.Duration{0, time.Minute, 5 * time.Minute} }

// expire is called when the attempts so far have had their 3 seconds.
func (s *Server) expire(d *Delivery, attempts int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.settled || len(d.attempts) != attempts {
		return
	}
	for _, a := range d.attempts {
		if a.Failed == "" {
			a.Failed = "timeout"
			s.breach(ruleAck, d.Kind, a.Envelope)
		}
	}
	s.retry(d, "timeout")
}

// retry sends a delivery again by and by, or gives it up.
func (s *Server) retry(d *Delivery, reason string) {
	d.waiting = false
	d.timeouts++
	if d.timeouts > len(waits()) {
		d.err = ErrNotAcknowledged
		s.finish(d)
		return
	}
	if wait := waits()[d.timeouts-1]; wait > 0 {
		d.stop = s.wire.AfterFunc(wait, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.attempt(d, reason)
		})
		return
	}
	s.attempt(d, reason)
}

// finish ends a delivery. The caller holds the lock.
func (s *Server) finish(d *Delivery) {
	if d.settled {
		return
	}
	d.settled = true
	if d.stop != nil {
		d.stop()
	}
	s.sockets.pending = slices.DeleteFunc(s.sockets.pending, func(o *Delivery) bool { return o == d })
	close(d.done)
}

// settle ends a delivery that was acknowledged, with what came along.
func (s *Server) settle(d *Delivery, response json.RawMessage) {
	if d.settled {
		return
	}
	d.response = response
	s.finish(d)
	switch {
	case d.modal != nil:
		s.submitted(d, response)
	case d.Kind == KindSlash && len(response) > 0:
		s.respond(d, response)
	}
}

// submitted does with a modal what the app answers to its submission.
func (s *Server) submitted(d *Delivery, response json.RawMessage) {
	var r struct {
		Action string          `json:"response_action"`
		View   json.RawMessage `json:"view"`
	}
	_ = json.Unmarshal(response, &r)
	switch r.Action {
	case "errors":
		return // it stays, with the errors in it
	case "update", "push":
		v, no := s.readView(r.View, surfaceModal)
		if no != nil {
			s.breach(no.rule, "view_submission", fmt.Sprint(no.messages))
			return
		}
		v.User = d.user
		s.views.modals[d.user] = v
		return
	}
	delete(s.views.modals, d.user)
}

// respond posts what a slash command is answered with.
func (s *Server) respond(d *Delivery, response json.RawMessage) {
	var o object
	if json.Unmarshal(response, &o) != nil {
		return
	}
	h := &hook{user: d.user, channel: d.channel}
	if no := s.useHook(h, o); no != nil {
		s.breach(no.rule, d.Kind, fmt.Sprint(no.messages))
	}
}
