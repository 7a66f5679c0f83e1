package fakeslack

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// object is a JSON object as it was sent.
type object = map[string]any

// Surfaces on which blocks stand.
const (
	surfaceMessage = "message"
	surfaceModal   = "modal"
	surfaceHome    = "home"
)

// checker holds blocks to the rules and collects what is wrong, in Slack's
// words and with Slack's JSON pointers.
type checker struct {
	surface  string
	noCharts bool
	messages []string
	rule     ruleID // of the first finding
	blockIDs map[string]bool
	text     int // characters of text in all blocks
	markdown int
	charts   int
	inputs   int
}

// blockFields are the fields that a block of each type may have. A type that
// isn't here is refused: what the server doesn't know it can't hold to rules.
var blockFields = map[string][]string{
	"actions":            {"elements"},
	"container":          {"title", "subtitle", "icon", "width", "is_collapsible", "default_collapsed", "has_header_divider", "child_blocks"},
	"context":            {"elements"},
	"data_visualization": {"title", "chart"},
	"divider":            {},
	"header":             {"text", "level"},
	"image":              {"image_url", "slack_file", "alt_text", "title"},
	"input":              {"label", "element", "hint", "optional", "dispatch_action"},
	"markdown":           {"text"},
	"rich_text":          {"elements"},
	"section":            {"text", "fields", "accessory", "expand"},
}

// checkBlocks reads blocks from JSON. It returns them with an id for each block
// and interactive element that had none, or why Slack refuses them.
func (s *Server) checkBlocks(raw []byte, surface string) ([]object, *refusal) {
	var list []any
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, refuse(ruleBlocksJSON)
	}
	k := &checker{surface: surface, noCharts: s.noCharts, blockIDs: map[string]bool{}}
	most := ruleBlocks
	if surface != surfaceMessage {
		most = ruleViewBlocks
	}
	if len(list) > most.limit() {
		k.bad(most, "/blocks", "no more than %d items allowed", most.limit())
	}
	var blocks []object
	for i, one := range list {
		path := fmt.Sprintf("/blocks/%d", i)
		b, ok := one.(object)
		if !ok {
			k.bad(ruleBlockKnown, path, "must provide an object")
			continue
		}
		k.block(b, path, 0)
		blocks = append(blocks, b)
	}
	if k.markdown > ruleMarkdown.limit() {
		k.bad(ruleMarkdown, "/blocks", "markdown blocks must be less than %d characters together", ruleMarkdown.limit()+1)
	}
	if k.charts > ruleCharts.limit() {
		k.bad(ruleCharts, "/blocks", "too many data_visualization blocks")
	}
	if len(k.messages) > 0 {
		no := refuse(k.rule, k.messages...)
		if surface != surfaceMessage {
			no.err = "invalid_arguments"
		}
		return nil, no
	}
	if surface == surfaceMessage && k.text > ruleBlocksTotal.limit() {
		return nil, refuse(ruleBlocksTotal, fmt.Sprintf("%d characters of text", k.text))
	}
	s.name(blocks)
	return blocks, nil
}

// name gives ids to what has none, as Slack does.
func (s *Server) name(blocks []object) {
	for _, b := range blocks {
		if str(b, "block_id") == "" {
			b["block_id"] = s.id("b")
		}
		elements, _ := b["elements"].([]any)
		for _, one := range append(slices.Clone(elements), b["accessory"], b["element"]) {
			if e, ok := one.(object); ok && slices.Contains(interactive, str(e, "type")) && str(e, "action_id") == "" {
				e["action_id"] = s.id("a")
			}
		}
		s.name(children(b))
	}
}

func (k *checker) bad(rule ruleID, path, format string, args ...any) {
	if len(k.messages) == 0 {
		k.rule = rule
	}
	k.messages = append(k.messages, fmt.Sprintf(format, args...)+" [json-pointer:"+path+"]")
}

// length holds a text to at most the rule's number of characters.
func (k *checker) length(rule ruleID, path, text string) {
	if utf8.RuneCountInString(text) > rule.limit() {
		k.bad(rule, path, "must be less than %d characters", rule.limit()+1)
	}
}

// only refuses fields that an object may not have.
func (k *checker) only(rule ruleID, o object, path string, allowed ...string) {
	for _, name := range sorted(o) {
		if !slices.Contains(allowed, name) {
			k.bad(rule, path, "invalid additional property: %s", name)
		}
	}
}

func (k *checker) block(b object, path string, depth int) {
	kind := str(b, "type")
	fields, known := blockFields[kind]
	if !known {
		k.bad(ruleBlockKnown, path+"/type", "unsupported type: %s", kind)
		return
	}
	k.only(ruleBlockFields, b, path, append([]string{"type", "block_id"}, fields...)...)
	if text := str(b, "block_id"); text != "" {
		k.length(ruleBlockID, path+"/block_id", text)
		if k.blockIDs[text] {
			k.bad(ruleBlockIDOnce, path+"/block_id", "`block_id` %q already exists", text)
		}
		k.blockIDs[text] = true
	}
	switch kind {
	case "header":
		k.textObject(b["text"], path+"/text", ruleHeader, "plain_text")
	case "section":
		k.section(b, path)
	case "context":
		k.context(b, path)
	case "actions":
		k.actions(b, path)
	case "image":
		k.image(b, path)
		if b["title"] != nil {
			k.textObject(b["title"], path+"/title", ruleImageTitle, "plain_text")
		}
	case "input":
		k.input(b, path)
	case "markdown":
		text := str(b, "text")
		if text == "" {
			k.bad(ruleBlockFields, path, "missing required field: text")
		}
		k.markdown += utf8.RuneCountInString(text)
		k.text += utf8.RuneCountInString(text)
	case "rich_text":
		if _, ok := b["elements"].([]any); !ok {
			k.bad(ruleBlockFields, path, "missing required field: elements")
		}
		k.text += textIn(b["elements"])
	case "container":
		k.container(b, path, depth)
	case "data_visualization":
		k.chart(b, path)
	}
}

func (k *checker) section(b object, path string) {
	fields, hasFields := b["fields"].([]any)
	if b["text"] == nil && !hasFields {
		k.bad(ruleSection, path, "missing required field: text or fields")
	}
	if b["text"] != nil {
		k.textObject(b["text"], path+"/text", ruleSectionText, "mrkdwn", "plain_text")
	}
	if len(fields) > ruleSectionFields.limit() {
		k.bad(ruleSectionFields, path+"/fields", "no more than %d items allowed", ruleSectionFields.limit())
	}
	for i, one := range fields {
		k.textObject(one, fmt.Sprintf("%s/fields/%d", path, i), ruleSectionField, "mrkdwn", "plain_text")
	}
	if b["accessory"] != nil {
		k.element(b["accessory"], path+"/accessory", map[string]bool{}, append([]string{"image"}, interactive...))
	}
}

func (k *checker) context(b object, path string) {
	elements, _ := b["elements"].([]any)
	if len(elements) == 0 {
		k.bad(ruleContext, path+"/elements", "must have at least 1 item")
	}
	if len(elements) > ruleContext.limit() {
		k.bad(ruleContext, path+"/elements", "no more than %d items allowed", ruleContext.limit())
	}
	for i, one := range elements {
		at := fmt.Sprintf("%s/elements/%d", path, i)
		if e, ok := one.(object); ok && str(e, "type") == "image" {
			k.image(e, at)
			continue
		}
		k.textObject(one, at, ruleSectionText, "mrkdwn", "plain_text")
	}
}

func (k *checker) actions(b object, path string) {
	elements, _ := b["elements"].([]any)
	if len(elements) == 0 {
		k.bad(ruleActions, path+"/elements", "must have at least 1 item")
	}
	if len(elements) > ruleActions.limit() {
		k.bad(ruleActions, path+"/elements", "no more than %d items allowed", ruleActions.limit())
	}
	ids := map[string]bool{}
	for i, one := range elements {
		k.element(one, fmt.Sprintf("%s/elements/%d", path, i), ids, interactive)
	}
}

func (k *checker) input(b object, path string) {
	k.inputs++
	k.textObject(b["label"], path+"/label", ruleImageTitle, "plain_text")
	if b["hint"] != nil {
		k.textObject(b["hint"], path+"/hint", ruleImageTitle, "plain_text")
	}
	k.element(b["element"], path+"/element", map[string]bool{}, append([]string{"plain_text_input"}, interactive...))
}

func (k *checker) container(b object, path string, depth int) {
	k.textObject(b["title"], path+"/title", ruleContainerTitle, "plain_text")
	if b["subtitle"] != nil {
		k.textObject(b["subtitle"], path+"/subtitle", ruleContainerTitle, "plain_text", "mrkdwn")
	}
	inside, _ := b["child_blocks"].([]any)
	switch {
	case len(inside) == 0:
		k.bad(ruleContainer, path+"/child_blocks", "must have at least 1 item")
	case len(inside) > ruleContainer.limit():
		k.bad(ruleContainer, path+"/child_blocks", "no more than %d items allowed", ruleContainer.limit())
	case depth > 0:
		k.bad(ruleContainer, path, "containers can't be nested that deep")
		return
	}
	for i, one := range inside {
		at := fmt.Sprintf("%s/child_blocks/%d", path, i)
		child, ok := one.(object)
		if !ok {
			k.bad(ruleBlockKnown, at, "must provide an object")
			continue
		}
		k.block(child, at, depth+1)
	}
}

// image checks an image, a block or an element.
func (k *checker) image(o object, path string) {
	k.only(ruleBlockFields, o, path, "type", "block_id", "image_url", "slack_file", "alt_text", "title")
	address := str(o, "image_url")
	if o["slack_file"] == nil {
		if u, err := url.Parse(address); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			k.bad(ruleImageURL, path+"/image_url", "invalid URL")
		}
		k.length(ruleImageURL, path+"/image_url", address)
	}
	if str(o, "alt_text") == "" {
		k.bad(ruleImageAlt, path, "missing required field: alt_text")
	}
	k.length(ruleImageAlt, path+"/alt_text", str(o, "alt_text"))
}

// textObject checks a text object of one of the kinds against a rule's length.
func (k *checker) textObject(v any, path string, rule ruleID, kinds ...string) {
	o, ok := v.(object)
	if !ok {
		k.bad(ruleTextObject, path, "must provide an object")
		return
	}
	kind := str(o, "type")
	if !slices.Contains(kinds, kind) {
		k.bad(ruleTextObject, path+"/type", "must be one of: %s", strings.Join(kinds, ", "))
	}
	allowed := []string{"type", "text", "emoji"}
	if kind == "mrkdwn" {
		allowed[2] = "verbatim"
	}
	k.only(ruleTextObject, o, path, allowed...)
	text, ok := o["text"].(string)
	if !ok || text == "" {
		k.bad(ruleTextObject, path+"/text", "must be more than 0 characters")
	}
	k.length(rule, path+"/text", text)
	k.text += utf8.RuneCountInString(text)
}

// textIn counts the characters of all fields called text below a value.
func textIn(v any) int {
	n := 0
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			n += textIn(one)
		}
	case object:
		for name, one := range v {
			if text, ok := one.(string); ok && name == "text" {
				n += utf8.RuneCountInString(text)
			}
			n += textIn(one)
		}
	}
	return n
}

// children are the blocks in a container.
func children(b object) []object {
	list, _ := b["child_blocks"].([]any)
	var below []object
	for _, one := range list {
		if child, ok := one.(object); ok {
			below = append(below, child)
		}
	}
	return below
}

// str is a field as text, empty if it is none.
func str(o object, name string) string {
	text, _ := o[name].(string)
	return text
}

func sorted(o object) []string {
	var names []string
	for name := range o {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
