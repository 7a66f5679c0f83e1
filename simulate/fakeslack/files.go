package fakeslack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
)

// files are what was uploaded, or is about to be.
type files struct{ byID map[string]*file }

type file struct {
	id, name string
	length   int
	content  []byte
	done     bool
}

// readForm reads a multipart form's values.
func readForm(body []byte, boundary string) (url.Values, error) {
	form, err := multipart.NewReader(bytes.NewReader(body), boundary).ReadForm(maxBody)
	if err != nil {
		return nil, err
	}
	defer func() { _ = form.RemoveAll() }()
	return url.Values(form.Value), nil
}

func (s *Server) filesUploadURL(c *call) (answer, *refusal) {
	name, length := c.str("filename"), c.number("length", 0)
	if name == "" || length <= 0 {
		return nil, refuse(ruleArguments, "filename and length are required")
	}
	f := &file{id: s.id("F"), name: name, length: length}
	s.files.byID[f.id] = f
	return answer{"upload_url": s.URL() + "/upload/" + f.id, "file_id": f.id}, nil
}

// serveUpload takes the content of a file, as a form or as it is.
func (s *Server) serveUpload(w http.ResponseWriter, r *http.Request) {
	content, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	if kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "multipart/form-data" {
		part, err := multipart.NewReader(bytes.NewReader(content), params["boundary"]).NextPart()
		if err == nil {
			content, err = io.ReadAll(part)
		}
		if err != nil {
			http.Error(w, "not a form", http.StatusBadRequest)
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files.byID[r.PathValue("id")]
	if s.isDown() || f == nil || f.done || len(content) != f.length {
		s.breach(ruleFile, "upload", fmt.Sprintf("%d bytes", len(content)))
		http.Error(w, "no such upload, or not its length", http.StatusBadRequest)
		return
	}
	f.content = content
	_, _ = fmt.Fprintf(w, "OK - %d", len(content))
}

func (s *Server) filesComplete(c *call) (answer, *refusal) {
	var named []struct {
		ID    string `json:"id"`
		Title string `json:"title"`
	}
	if json.Unmarshal([]byte(c.str("files")), &named) != nil || len(named) == 0 {
		return nil, refuse(ruleArguments, "files must be a list of objects with an id")
	}
	var list []answer
	var names []string
	for _, n := range named {
		f := s.files.byID[n.ID]
		if f == nil || f.content == nil {
			return nil, refuse(ruleFile)
		}
		list, names = append(list, answer{"id": f.id, "title": n.Title}), append(names, f.name)
	}
	if id := c.str("channel_id"); id != "" {
		ch, no := s.writable(id)
		if no != nil {
			return nil, no
		}
		thread, no := s.thread(c, ch.ID)
		if no != nil {
			return nil, no
		}
		if !c.lie {
			m := s.store.add(Message{Channel: ch.ID, Thread: thread, User: BotUser, Text: c.str("initial_comment"), Files: names}, s.clk.Now())
			c.channel, c.ts = m.Channel, m.TS
		}
	}
	for _, n := range named {
		s.files.byID[n.ID].done = true
	}
	return answer{"files": list}, nil
}

// File returns the content of the newest uploaded file of a name.
func (s *Server) File(name string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var newest *file
	for _, f := range s.files.byID {
		if f.name == name && f.done && (newest == nil || strings.Compare(f.id, newest.id) > 0) {
			newest = f
		}
	}
	if newest == nil {
		return nil, false
	}
	return bytes.Clone(newest.content), true
}
