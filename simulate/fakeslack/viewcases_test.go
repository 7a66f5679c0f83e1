package fakeslack

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

func make16(n int) []byte { return []byte(strings.Repeat("a", n)) }

// upload sends the content of a file and demands a status.
func (w *world) upload(address, content string, want int) {
	w.Helper()
	w.hit(address, content, want)
}

// hit posts a body and demands a status; it returns the answer.
func (w *world) hit(address, body string, want int) string {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		w.Errorf("%s: %s %q, %v; want %d", address, resp.Status, raw, err, want)
	}
	return string(raw)
}

// private makes a private channel that the bot is in.
func (w *world) private() string {
	const id = "C0PRIVATE"
	w.Change(func(ws *Workspace) {
		ws.Channels = append(ws.Channels, Channel{ID: id, Name: "private", Private: true, Members: []string{BotUser, Alice}})
	})
	return id
}

// payload is what was sent with a slash command.
func (w *world) slash() (trigger, answerTo string) {
	w.Helper()
	d, err := w.Slash(Alice, Ops, "help")
	if err != nil {
		w.Fatal(err)
	}
	var p struct {
		Trigger string `json:"trigger_id"`
		URL     string `json:"response_url"`
	}
	if err := json.Unmarshal(d.Payload, &p); err != nil {
		w.Fatal(err)
	}
	return p.Trigger, p.URL
}

func modal(pairs ...any) string {
	return string(encode(with(object{"type": "modal", "title": plainText("Drain"), "blocks": []object{divider(0)}}, pairs...)))
}

// opens demands that a modal is taken, and another refused.
func (w *world) opens(good, bad string) {
	w.Helper()
	trigger, _ := w.slash()
	w.fine("views.open", "trigger_id", trigger, "view", good)
	trigger, _ = w.slash()
	w.refused("", "views.open", "trigger_id", trigger, "view", bad)
}

func viewCases() map[ruleID]func(*world) {
	return map[ruleID]func(*world){
		ruleViewBlocks: func(w *world) {
			w.opens(modal("blocks", times(100, divider)), modal("blocks", times(101, divider)))
		},
		ruleViewTitle: func(w *world) { w.opens(modal("title", plainText(run(24))), modal("title", plainText(run(25)))) },
		ruleViewButton: func(w *world) {
			w.opens(modal("submit", plainText(run(24))), modal("submit", plainText(run(25))))
			input := object{"type": "input", "label": plainText("Why"), "element": object{"type": "plain_text_input"}}
			trigger, _ := w.slash()
			w.refused("", "views.open", "trigger_id", trigger, "view", modal("blocks", []object{input}))
		},
		ruleViewMetadata: func(w *world) { w.opens(modal("private_metadata", run(3000)), modal("private_metadata", run(3001))) },
		ruleViewCallback: func(w *world) { w.opens(modal("callback_id", run(255)), modal("callback_id", run(256))) },
		ruleViewType: func(w *world) {
			home := string(encode(object{"type": "home", "blocks": []object{section("hello")}}))
			w.opens(modal(), home)
			w.fine("views.publish", "user_id", Alice, "view", home)
			if v, ok := w.Home(Alice); !ok || v.Type != "home" {
				w.Errorf("alice's home: %+v", v)
			}
			w.refused("", "views.publish", "user_id", Alice, "view", modal())
			v, _ := w.Modal(Alice)
			w.fine("views.update", "view_id", v.ID, "view", modal("title", plainText("Now")))
			if v, _ := w.Modal(Alice); v.Title != "Now" {
				w.Errorf("the modal was not changed: %+v", v)
			}
			w.refused("not_found", "views.update", "view_id", "V1", "view", modal())
		},
		ruleTrigger: func(w *world) {
			trigger, _ := w.slash()
			w.clock.Advance(3*time.Second - 1)
			w.fine("views.open", "trigger_id", trigger, "view", modal())
			w.refused("exchanged_trigger_id", "views.open", "trigger_id", trigger, "view", modal())
			trigger, _ = w.slash()
			w.clock.Advance(3 * time.Second)
			w.refused("", "views.open", "trigger_id", trigger, "view", modal())
			w.refused("invalid_trigger_id", "views.open", "trigger_id", "1.2.3", "view", modal())
		},
		ruleResponseURLTime: func(w *world) {
			_, address := w.slash()
			w.clock.Advance(30*time.Minute - 1)
			w.hit(address, `{"text":"in time"}`, 200)
			w.clock.Advance(1)
			w.hit(address, `{"text":"too late"}`, 404)
			if m := w.Ephemerals(Alice, Ops); len(m) != 1 || m[0].Text != "in time" {
				w.Errorf("alice sees %+v", m)
			}
		},
		ruleResponseURLUses: func(w *world) {
			_, address := w.slash()
			for range 5 {
				w.hit(address, `{"text":"x","response_type":"in_channel"}`, 200)
			}
			if got := w.hit(address, `{"text":"x"}`, 404); !strings.Contains(got, "used_url") {
				w.Errorf("answered %s", got)
			}
			if m := w.Messages(Ops); len(m) != 5 {
				w.Errorf("the channel shows %+v", m)
			}
		},
	}
}

// dial opens a connection of Socket Mode by hand and reads its first message.
func (w *world) dial() (*websocket.Conn, object) {
	w.Helper()
	o, _ := w.post("apps.connections.open", form("token", "xapp-fake"))
	conn, resp, err := websocket.DefaultDialer.DialContext(w.Context(), o["url"].(string), nil)
	if err != nil {
		w.Fatal(err)
	}
	_ = resp.Body.Close()
	w.Cleanup(func() { _ = conn.Close() })
	return conn, w.read(conn)
}

func (w *world) read(conn *websocket.Conn) object {
	w.Helper()
	var got object
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if err := conn.ReadJSON(&got); err != nil {
		w.Fatal(err)
	}
	return got
}

func socketCases() map[ruleID]func(*world) {
	return map[ruleID]func(*world){
		ruleAck: func(w *world) {
			conn, hello := w.dial()
			if hello["type"] != "hello" || hello["num_connections"] != 1.0 {
				w.Errorf("greeted with %v", hello)
			}
			d := w.event()
			first := w.read(conn)
			w.clock.Advance(3 * time.Second)
			second := w.read(conn)
			if second["retry_attempt"] != 1.0 || second["retry_reason"] != "timeout" || second["envelope_id"] == first["envelope_id"] {
				w.Errorf("redelivered as %v after %v", second, first)
			}
			if err := conn.WriteJSON(object{"envelope_id": second["envelope_id"]}); err != nil {
				w.Fatal(err)
			}
			acknowledged(w.T, d)
		},
		ruleAckSize: func(w *world) {
			conn, _ := w.dial()
			d := w.event()
			id := w.read(conn)["envelope_id"]
			ack := func(size int) string {
				const frame = `{"envelope_id":"","payload":{"a":""}}`
				return `{"envelope_id":"` + id.(string) + `","payload":{"a":"` + strings.Repeat("x", size-len(frame)-len(id.(string))) + `"}}`
			}
			for _, size := range []int{20 * 1024, 20*1024 - 1} {
				select {
				case <-d.Done():
					w.Error("an acknowledgement of 20 kB counted")
				default:
				}
				if err := conn.WriteMessage(websocket.TextMessage, []byte(ack(size))); err != nil {
					w.Fatal(err)
				}
			}
			acknowledged(w.T, d)
		},
		ruleSockets: func(w *world) {
			for range 10 {
				w.dial()
			}
			_, said := w.dial()
			if said["type"] != "disconnect" || said["reason"] != "too_many_websockets" {
				w.Errorf("the eleventh was told %v", said)
			}
			if n := len(w.Connections()); n != 10 {
				w.Errorf("%d connections are open", n)
			}
		},
		ruleTicket: func(w *world) {
			o, _ := w.post("apps.connections.open", form("token", "xapp-fake"))
			address := o["url"].(string)
			conn, resp, err := websocket.DefaultDialer.DialContext(w.Context(), address, nil)
			if err != nil {
				w.Fatal(err)
			}
			_ = resp.Body.Close()
			w.Cleanup(func() { _ = conn.Close() })
			if _, resp, err = websocket.DefaultDialer.DialContext(w.Context(), address, nil); err == nil {
				w.Error("an address worked twice")
			}
			_ = resp.Body.Close()
		},
	}
}

// event makes something that the app must acknowledge.
func (w *world) event() *Delivery {
	w.Helper()
	d, _, err := w.Mention(Alice, Ops, "", "why")
	if err != nil {
		w.Fatal(err)
	}
	return d
}
