package fakeslack

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"warden/internal/clock"
)

// sockets are the connections of Socket Mode.
type sockets struct {
	tickets map[string]bool // addresses that were given out and not used
	open    map[int]*socket
	next    int
	route   Route
	twice   int
	pending []*Delivery // not settled yet
}

// socket is one connection. What is sent to it is written by one goroutine.
type socket struct {
	number int
	conn   *websocket.Conn
	since  time.Time
	remote string
	out    chan []byte
	flight map[string]*Delivery // by envelope id
	// leaving connections were told to reconnect and get nothing more.
	leaving bool
	done    chan struct{}
	once    sync.Once
}

func (k *sockets) init() {
	k.tickets, k.open, k.route = map[string]bool{}, map[int]*socket{}, RoundRobin()
}

// close ends the connection as if its cable was cut.
func (k *socket) close() {
	k.once.Do(func() {
		close(k.done)
		_ = k.conn.NetConn().Close()
	})
}

// send queues a message; a connection that doesn't read is cut.
func (k *socket) send(v any) {
	select {
	case k.out <- encode(v):
	default:
		k.close()
	}
}

// hangUp ends the connection after what is queued was sent.
func (k *socket) hangUp() {
	select {
	case k.out <- nil:
	default:
		k.close()
	}
}

// Connection is an open connection of Socket Mode.
type Connection struct {
	// Number counts connections from 1 in the order in which they came.
	Number int
	// Remote is the address at the other end.
	Remote string
	Since  time.Time
}

// Connections returns the open connections, oldest first.
func (s *Server) Connections() []Connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Connection
	for _, n := range slices.Sorted(maps.Keys(s.sockets.open)) {
		k := s.sockets.open[n]
		out = append(out, Connection{Number: n, Remote: k.remote, Since: k.since})
	}
	return out
}

func (s *Server) connectionsOpen(*call) (answer, *refusal) {
	if s.opts.RequestURL != "" {
		return nil, &refusal{rule: ruleTicket, err: "socket_mode_not_enabled"}
	}
	ticket := s.id("ticket")
	s.sockets.tickets[ticket] = true
	return answer{"url": "ws://" + s.listener.Addr().String() + "/link/" + ticket}, nil
}

// pingEvery is how often the server pings, in real time: what is pinged is a
// real connection, and the client's patience is real too.
const pingEvery = 5 * time.Second

// serveSocket takes a connection of Socket Mode and reads its
// acknowledgements until it ends.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	ticket := r.PathValue("ticket")
	s.mu.Lock()
	down, fresh := s.isDown(), s.sockets.tickets[ticket]
	delete(s.sockets.tickets, ticket)
	if !down && !fresh {
		s.breach(ruleTicket, "socket", ticket)
	}
	s.mu.Unlock()
	if down {
		reset(w)
		return
	}
	if !fresh {
		http.Error(w, "no such ticket", http.StatusNotFound)
		return
	}
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	k := &socket{conn: conn, remote: r.RemoteAddr, out: make(chan []byte, 256), flight: map[string]*Delivery{}, done: make(chan struct{})}
	if !s.join(k) {
		return
	}
	s.wg.Go(func() { k.write() })
	for {
		kind, data, err := conn.ReadMessage()
		if err != nil {
			break
		}
		if kind == websocket.TextMessage {
			s.acknowledge(k, data)
		}
	}
	s.leave(k)
}

// write sends what is queued, and pings.
func (k *socket) write() {
	ping := clock.System().After(0)
	for {
		var err error
		select {
		case <-k.done:
			return
		case <-ping:
			err = k.conn.WriteControl(websocket.PingMessage, []byte("ping"), clock.System().Now().Add(pingEvery))
			ping = clock.System().After(pingEvery)
		case data := <-k.out:
			if data == nil {
				k.close()
				return
			}
			err = k.conn.WriteMessage(websocket.TextMessage, data)
		}
		if err != nil {
			k.close()
			return
		}
	}
}

func host(number int) string { return fmt.Sprintf("applink-%d", number) }

// join greets a connection and gives it what waits, or turns it away.
func (s *Server) join(k *socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sockets.next++
	k.number, k.since = s.sockets.next, s.clk.Now()
	if s.ctx.Err() != nil || len(s.sockets.open) >= ruleSockets.limit() {
		s.breach(ruleSockets, "socket", fmt.Sprintf("%d connections", len(s.sockets.open)+1))
		_ = k.conn.WriteJSON(answer{"type": "disconnect", "reason": "too_many_websockets", "debug_info": answer{"host": host(k.number)}})
		_ = k.conn.Close()
		return false
	}
	s.sockets.open[k.number] = k
	k.send(answer{
		"type": "hello", "num_connections": len(s.sockets.open), "connection_info": answer{"app_id": AppID},
		"debug_info": answer{"host": host(k.number), "build_number": 1, "approximate_connection_time": 18060},
	})
	for _, d := range slices.Clone(s.sockets.pending) {
		if d.waiting {
			s.attempt(d, d.reason)
		}
	}
	return true
}

// leave forgets a connection and gives what it has not acknowledged to others.
func (s *Server) leave(k *socket) {
	k.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sockets.open, k.number)
	for _, id := range slices.Sorted(maps.Keys(k.flight)) {
		d := k.flight[id]
		if a := d.find(id); a != nil && a.Failed == "" && !d.settled {
			a.Failed = "connection_failed"
			s.attempt(d, "connection_failed")
		}
	}
}

// acknowledge takes what a connection sends.
func (s *Server) acknowledge(k *socket, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ack struct {
		EnvelopeID string          `json:"envelope_id"`
		Payload    json.RawMessage `json:"payload"`
	}
	if len(data) > ruleAckSize.limit() {
		s.breach(ruleAckSize, "ack", fmt.Sprintf("%d bytes", len(data)))
		return
	}
	if json.Unmarshal(data, &ack) != nil {
		return
	}
	d := k.flight[ack.EnvelopeID]
	if d == nil {
		return
	}
	delete(k.flight, ack.EnvelopeID)
	if a := d.find(ack.EnvelopeID); a != nil && a.Failed == "" {
		s.settle(d, ack.Payload)
	}
}

// Disconnect sends a disconnect message to connections, all of them when none
// is named: warning says that the connection will be refreshed in about ten
// seconds, refresh_requested that it is now, link_disabled that Socket Mode was
// turned off. After the last two the server hangs up: at once if link_disabled,
// within ten seconds on the Wire clock otherwise, as it does after warning.
func (s *Server) Disconnect(reason string, numbers ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, k := range s.sockets.open {
		if len(numbers) > 0 && !slices.Contains(numbers, n) {
			continue
		}
		k.leaving = true
		k.send(answer{"type": "disconnect", "reason": reason, "debug_info": answer{"host": host(n)}})
		if reason == "link_disabled" {
			k.hangUp()
			continue
		}
		s.wire.AfterFunc(10*time.Second, k.close)
	}
}

// Cut ends connections as if their cables were cut, all of them when none is
// named. What they had not acknowledged is given to others.
func (s *Server) Cut(numbers ...int) {
	s.mu.Lock()
	var cut []*socket
	for n, k := range s.sockets.open {
		if len(numbers) == 0 || slices.Contains(numbers, n) {
			cut = append(cut, k)
		}
	}
	s.mu.Unlock()
	for _, k := range cut {
		k.close()
	}
}

func (s *Server) closeSockets() { s.Cut() }
