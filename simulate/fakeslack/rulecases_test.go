package fakeslack

import (
	"maps"
	"time"
)

// ruleCases breaks each rule once, after having kept to it.
func ruleCases() map[ruleID]func(*world) {
	all := map[ruleID]func(*world){}
	for _, part := range []map[ruleID]func(*world){callCases(), messageCases(), blockCases(), elementCases(), chartCases(), viewCases(), socketCases()} {
		maps.Copy(all, part)
	}
	return all
}

func callCases() map[ruleID]func(*world) {
	return map[ruleID]func(*world){
		ruleToken: func(w *world) {
			o, _ := w.send("auth.test", "application/x-www-form-urlencoded", "", nil)
			w.says(o, "")
			o, _ = w.send("auth.test?token=xoxb-fake", "application/x-www-form-urlencoded", "", nil)
			w.says(o, "")
			o, _ = w.send("chat.postMessage", "application/json", "", []byte(`{"token":"xoxb-fake","channel":"C0OPS","text":"x"}`))
			w.says(o, "")
		},
		ruleTokenKnown: func(w *world) {
			w.fine("auth.test")
			w.refused("", "auth.test", "token", "xoxb-other")
		},
		ruleTokenRevoked: func(w *world) {
			w.Revoke("xoxb-fake")
			w.refused("", "auth.test")
			w.Restore("xoxb-fake")
			w.fine("auth.test")
		},
		ruleTokenType: func(w *world) {
			w.fine("apps.connections.open", "token", "xapp-fake")
			w.refused("", "apps.connections.open")
			w.refused("", "users.info", "token", "xapp-fake", "user", Alice)
		},
		ruleScope: func(w *world) {
			w.Grant("chat:write", "users:read")
			o := w.refused("", "usergroups.list")
			if o["needed"] != "usergroups:read" || o["provided"] != "chat:write,users:read" {
				w.Errorf("it does not say what is needed: %v", o)
			}
			o, resp := w.post("auth.test", form())
			if got := resp.Header.Get("X-OAuth-Scopes"); got != "chat:write,users:read" {
				w.Errorf("X-OAuth-Scopes: %q, %v", got, o)
			}
			if o := w.fine("users.info", "user", Alice); o["user"].(object)["profile"].(object)["email"] != nil {
				w.Errorf("an e-mail without users:read.email: %v", o)
			}
			w.refused("", "conversations.info", "channel", Ops)
			w.refused("", "chat.postMessage", "channel", Ops, "text", "x", "username", "somebody")
		},
		ruleMethod: func(w *world) { w.refused("", "chat.shout") },
		ruleArguments: func(w *world) {
			w.fine("files.getUploadURLExternal", "filename", "a.txt", "length", "3")
			w.refused("", "files.getUploadURLExternal", "filename", "a.txt")
			w.refused("", "files.completeUploadExternal", "files", "none")
			o, _ := w.send("chat.postMessage", "text/csv", "xoxb-fake", []byte("channel,text"))
			w.says(o, "invalid_post_type")
		},
		ruleJSON: func(w *world) {
			o, _ := w.send("chat.postMessage", "application/json; charset=utf-8", "xoxb-fake", []byte(`{"channel":"C0OPS","text":"x","blocks":[{"type":"divider"}]}`))
			if o["ok"] != true {
				w.Error(o)
			}
			o, _ = w.send("chat.postMessage", "application/json", "xoxb-fake", []byte(`[1]`))
			w.says(o, "json_not_object")
			o, _ = w.send("users.info", "application/json", "xoxb-fake", []byte(`{"user":"U0ALICE"}`))
			w.says(o, "invalid_arguments")
		},
		ruleTier: func(w *world) {
			for range 20 {
				if o, _ := w.post("usergroups.list", form()); o["ok"] != true {
					w.Fatal(o)
				}
			}
			o, resp := w.post("usergroups.list", form())
			w.says(o, "")
			if resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "3" {
				w.Errorf("%s, Retry-After %q", resp.Status, resp.Header.Get("Retry-After"))
			}
			w.fine("usergroups.list") // says waited 10 s
		},
		rulePosts: func(w *world) {
			for range burst {
				if o, _ := w.post("chat.postMessage", form("channel", Ops, "text", "x")); o["ok"] != true {
					w.Fatal(o)
				}
			}
			o, resp := w.post("chat.postMessage", form("channel", Ops, "text", "x"))
			if resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "1" {
				w.Errorf("%s, Retry-After %q", resp.Status, resp.Header.Get("Retry-After"))
			}
			w.clock.Advance(time.Second / 2)
			if o, _ := w.post("chat.postMessage", form("channel", Ops, "text", "x")); o["error"] != "ratelimited" {
				w.Errorf("two a second are taken: %v", o)
			}
			w.says(o, "")
			for range 30 {
				w.clock.Advance(time.Second)
				if o, _ := w.post("chat.postMessage", form("channel", Ops, "text", "x")); o["ok"] != true {
					w.Fatalf("one a second is refused: %v", o)
				}
			}
			if o, _ := w.post("chat.postMessage", form("channel", Incident, "text", "x")); o["ok"] != true {
				w.Errorf("another channel is held up too: %v", o)
			}
		},
		ruleFile: func(w *world) {
			o := w.fine("files.getUploadURLExternal", "filename", "out.txt", "length", "3")
			id := o["file_id"].(string)
			w.refused("", "files.completeUploadExternal", "files", `[{"id":"`+id+`"}]`)
			w.upload(o["upload_url"].(string), "four", 400)
			w.upload(o["upload_url"].(string), "abc", 200)
			w.fine("files.completeUploadExternal", "files", `[{"id":"`+id+`"}]`, "channel_id", Ops)
			if got, ok := w.File("out.txt"); !ok || string(got) != "abc" {
				w.Errorf("the file holds %q, %v", got, ok)
			}
		},
	}
}

func messageCases() map[ruleID]func(*world) {
	return map[ruleID]func(*world){
		ruleChannelKnown: func(w *world) {
			w.fine("conversations.info", "channel", Ops)
			w.refused("", "chat.postMessage", "channel", "C0NONE", "text", "x")
			w.refused("", "chat.postMessage", "channel", Secret, "text", "x")
			w.refused("", "conversations.info", "channel", Secret)
			w.refused("method_not_supported_for_channel_type", "conversations.join", "channel", w.private())
		},
		ruleChannelIn: func(w *world) {
			w.refused("", "chat.postMessage", "channel", Elsewhere, "text", "x")
			w.refused("", "conversations.history", "channel", Elsewhere)
			w.fine("conversations.join", "channel", Elsewhere)
			w.fine("chat.postMessage", "channel", Elsewhere, "text", "x")
			w.Kick(Elsewhere)
			w.Grant(append(allScopes(), "chat:write.public")...)
			w.fine("chat.postMessage", "channel", Elsewhere, "text", "x")
			w.Grant(allScopes()...)
			w.refused("", "chat.postEphemeral", "channel", Elsewhere, "user", Alice, "text", "x")
		},
		ruleChannelArchived: func(w *world) {
			ts := w.say("x")
			w.Archive(Ops)
			w.refused("", "chat.postMessage", "channel", Ops, "text", "x")
			w.refused("is_inactive", "chat.update", "channel", Ops, "ts", ts, "text", "y")
			w.refused("", "conversations.join", "channel", Ops)
		},
		ruleUserKnown: func(w *world) {
			o := w.fine("users.lookupByEmail", "email", "Alice@example.net")
			if o["user"].(object)["id"] != Alice {
				w.Error(o)
			}
			w.refused("", "users.info", "user", "U0NOBODY")
			w.refused("users_not_found", "users.lookupByEmail", "email", "dora@example.net")
			w.refused("users_not_found", "users.lookupByEmail", "email", "stan@example.org")
			w.refused("no_such_subteam", "usergroups.users.list", "usergroup", "S0OLD")
			w.fine("usergroups.users.list", "usergroup", OnCall)
		},
		ruleUserIn: func(w *world) {
			w.fine("chat.postEphemeral", "channel", Ops, "user", Alice, "text", "x")
			w.refused("", "chat.postEphemeral", "channel", Ops, "user", Dora, "text", "x")
			w.refused("", "chat.postEphemeral", "channel", Ops, "user", "U0NOBODY", "text", "x")
		},
		ruleThread: func(w *world) {
			ts := w.say("x")
			reply := w.fine("chat.postMessage", "channel", Ops, "text", "y", "thread_ts", ts)["ts"].(string)
			w.refused("", "chat.postMessage", "channel", Ops, "text", "z", "thread_ts", reply)
			w.refused("", "chat.postMessage", "channel", Ops, "text", "z", "thread_ts", "1.000001")
			if o := w.fine("conversations.replies", "channel", Ops, "ts", ts); len(o["messages"].([]any)) != 2 {
				w.Error(o)
			}
			if o := w.fine("conversations.history", "channel", Ops); len(o["messages"].([]any)) != 1 {
				w.Error(o)
			}
			w.refused("", "conversations.replies", "channel", Ops, "ts", "1.000001")
		},
		ruleText: func(w *world) {
			ts := w.say("x")
			w.refused("", "chat.postMessage", "channel", Ops)
			w.refused("", "chat.postMessage", "channel", Ops, "blocks", "[]")
			w.refused("", "chat.update", "channel", Ops, "ts", ts)
		},
		ruleTextPost: func(w *world) {
			if o := w.fine("chat.postMessage", "channel", Ops, "text", run(40_000)); o["warning"] != nil {
				w.Error(o["warning"])
			}
			o := w.fine("chat.postMessage", "channel", Ops, "text", run(40_001))
			if o["warning"] != "message_truncated" || o["message"].(object)["text"] != run(40_000) {
				w.Error("it was not cut off")
			}
		},
		ruleTextUpdate: func(w *world) {
			ts := w.say("x")
			w.fine("chat.update", "channel", Ops, "ts", ts, "text", run(4_000))
			w.refused("", "chat.update", "channel", Ops, "ts", ts, "text", run(4_001))
		},
		ruleMessageKnown: func(w *world) {
			ts := w.say("x")
			w.fine("chat.getPermalink", "channel", Ops, "message_ts", ts)
			w.fine("chat.update", "channel", Ops, "ts", ts, "text", "y")
			w.refused("", "chat.update", "channel", Incident, "ts", ts, "text", "y")
			w.fine("chat.delete", "channel", Ops, "ts", ts)
			w.refused("", "chat.update", "channel", Ops, "ts", ts, "text", "z")
			w.refused("", "chat.delete", "channel", Ops, "ts", ts)
			w.refused("", "chat.getPermalink", "channel", Ops, "message_ts", ts)
		},
		ruleMessageOwn: func(w *world) {
			theirs := w.Post(Alice, Ops, "", "mine")
			w.refused("", "chat.update", "channel", Ops, "ts", theirs, "text", "ours")
			w.refused("cant_delete_message", "chat.delete", "channel", Ops, "ts", theirs)
			mine := w.fine("chat.postEphemeral", "channel", Ops, "user", Alice, "text", "x")["message_ts"].(string)
			w.refused("", "chat.update", "channel", Ops, "ts", mine, "text", "y")
		},
		ruleMetadata: func(w *world) {
			w.fine("chat.postMessage", "channel", Ops, "text", "x", "metadata", `{"event_type":"a","event_payload":{"k":"v"}}`)
			w.refused("", "chat.postMessage", "channel", Ops, "text", "x", "metadata", `{"event_payload":{}}`)
			w.refused("", "chat.postMessage", "channel", Ops, "text", "x", "metadata", `{"event_type":"a","event_payload":1}`)
		},
	}
}

func blockCases() map[ruleID]func(*world) {
	return map[ruleID]func(*world){
		ruleBlocks: func(w *world) { w.most(50, func(n int) []object { return times(n, divider) }) },
		ruleBlocksJSON: func(w *world) {
			w.refused("", "chat.postMessage", "channel", Ops, "text", "x", "blocks", `{"type":"divider"}`)
		},
		ruleBlocksTotal: func(w *world) {
			w.most(12_000, func(n int) []object {
				return append(times(n/3000, func(int) object { return section(run(3000)) }), times(min(n%3000, 1), func(int) object { return section(run(n % 3000)) })...)
			})
		},
		ruleBlockKnown: func(w *world) {
			w.never(object{"type": "alert", "text": mrkdwn("x")})
			w.never(object{"type": "nonsense"})
			w.never(actions(object{"type": "image", "image_url": "https://example.net/a.png", "alt_text": "a"}))
		},
		ruleBlockFields: func(w *world) {
			w.never(object{"type": "divider", "text": mrkdwn("x")})
			w.never(actions(aButton("colour", "red")))
			w.never(object{"type": "markdown"})
		},
		ruleBlockID: func(w *world) {
			w.most(255, func(n int) []object { return []object{with(divider(0), "block_id", run(n))} })
		},
		ruleBlockIDOnce: func(w *world) {
			w.blocks(with(divider(0), "block_id", "a"), with(divider(0), "block_id", "b"))
			w.never(with(divider(0), "block_id", "a"), with(divider(0), "block_id", "a"))
		},
		ruleTextObject: func(w *world) {
			w.never(object{"type": "section", "text": "x"})
			w.never(object{"type": "section", "text": object{"type": "markdown", "text": "x"}})
			w.never(object{"type": "section", "text": with(mrkdwn("x"), "emoji", true)})
			w.never(section(""))
			w.never(object{"type": "header", "text": mrkdwn("x")})
		},
		ruleHeader: func(w *world) {
			w.most(150, func(n int) []object { return []object{{"type": "header", "text": plainText(run(n))}} })
		},
		ruleSection:     func(w *world) { w.never(object{"type": "section"}) },
		ruleSectionText: func(w *world) { w.most(3000, func(n int) []object { return []object{section(run(n))} }) },
		ruleSectionFields: func(w *world) {
			w.most(10, func(n int) []object {
				return []object{{"type": "section", "fields": times(n, func(int) object { return mrkdwn("x") })}}
			})
		},
		ruleSectionField: func(w *world) {
			w.most(2000, func(n int) []object { return []object{{"type": "section", "fields": []object{mrkdwn(run(n))}}} })
		},
		ruleContext: func(w *world) {
			w.most(10, func(n int) []object {
				return []object{{"type": "context", "elements": times(n, func(int) object { return mrkdwn("x") })}}
			})
			w.never(object{"type": "context", "elements": []object{}})
		},
		ruleMarkdown: func(w *world) {
			w.most(12_000, func(n int) []object {
				return []object{{"type": "markdown", "text": run(6000)}, {"type": "markdown", "text": run(n - 6000)}}
			})
		},
		ruleContainer: func(w *world) {
			w.most(10, func(n int) []object {
				return []object{{"type": "container", "title": plainText("Details"), "child_blocks": times(n, divider)}}
			})
			w.never(object{"type": "container", "title": plainText("Details"), "child_blocks": []object{}})
			inner := object{"type": "container", "title": plainText("Details"), "child_blocks": times(1, divider)}
			w.never(object{"type": "container", "title": plainText("Details"), "child_blocks": []object{inner}})
		},
		ruleContainerTitle: func(w *world) {
			w.most(150, func(n int) []object {
				return []object{{"type": "container", "title": plainText(run(n)), "child_blocks": times(1, divider)}}
			})
		},
		ruleImageURL: func(w *world) {
			const start = "https://example.net/"
			w.most(3000, func(n int) []object {
				return []object{picture("image_url", start+string(make16(n-len(start))))}
			})
			w.never(picture("image_url", "file:///etc/passwd"))
		},
		ruleImageAlt: func(w *world) {
			w.most(2000, func(n int) []object { return []object{picture("alt_text", run(n))} })
			w.never(object{"type": "image", "image_url": "https://example.net/a.png"})
		},
		ruleImageTitle: func(w *world) {
			w.most(2000, func(n int) []object { return []object{picture("title", plainText(run(n)))} })
		},
	}
}

func elementCases() map[ruleID]func(*world) {
	return map[ruleID]func(*world){
		ruleActions: func(w *world) {
			w.most(25, func(n int) []object { return []object{actions(times(n, func(int) object { return aButton() })...)} })
			w.never(actions())
		},
		ruleActionID: func(w *world) {
			w.most(255, func(n int) []object { return []object{actions(aButton("action_id", run(n)))} })
		},
		ruleActionIDOnce: func(w *world) {
			if o := w.blocks(actions(aButton("action_id", "a")), actions(aButton("action_id", "a"))); o["ok"] != true {
				w.Error(o)
			}
			w.never(actions(aButton("action_id", "a"), aButton("action_id", "a")))
		},
		ruleButtonText: func(w *world) {
			w.most(75, func(n int) []object { return []object{actions(aButton("text", plainText(run(n))))} })
		},
		ruleButtonValue: func(w *world) {
			w.most(2000, func(n int) []object { return []object{actions(aButton("value", run(n)))} })
		},
		ruleButtonURL: func(w *world) {
			const start = "https://example.net/"
			w.most(3000, func(n int) []object { return []object{actions(aButton("url", start+string(make16(n-len(start)))))} })
			w.never(actions(aButton("url", "javascript:alert(1)")))
		},
		ruleButtonStyle: func(w *world) {
			w.blocks(actions(aButton("style", "primary"), aButton("style", "danger")))
			w.never(actions(aButton("style", "green")))
		},
		ruleOptions: func(w *world) {
			for kind, most := range map[string]int{"static_select": 100, "overflow": 5, "radio_buttons": 10, "checkboxes": 10} {
				w.most(most, func(n int) []object { return []object{menu(kind, n)} })
			}
		},
		ruleOptionText: func(w *world) {
			w.most(75, func(n int) []object {
				return []object{actions(object{"type": "overflow", "options": []object{{"text": plainText(run(n)), "value": "v"}}})}
			})
		},
		ruleOptionValue: func(w *world) {
			w.most(150, func(n int) []object {
				return []object{actions(object{"type": "overflow", "options": []object{{"text": plainText("a"), "value": run(n)}}})}
			})
		},
		ruleConfirmTitle: func(w *world) { w.most(100, func(n int) []object { return []object{confirmed("title", n)} }) },
		ruleConfirmText:  func(w *world) { w.most(300, func(n int) []object { return []object{confirmed("text", n)} }) },
		ruleConfirmButton: func(w *world) {
			w.most(30, func(n int) []object { return []object{confirmed("confirm", n)} })
			w.most(30, func(n int) []object { return []object{confirmed("deny", n)} })
		},
	}
}
