package fakeslack

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"unicode/utf8"
)

// interactive are the elements that people act with, of those that the server
// knows.
var interactive = []string{"button", "static_select", "overflow", "radio_buttons", "checkboxes", "datepicker", "users_select"}

// element checks one interactive element; ids are those of its block so far.
func (k *checker) element(v any, path string, ids map[string]bool, kinds []string) {
	e, ok := v.(object)
	if !ok {
		k.bad(ruleBlockFields, path, "must provide an object")
		return
	}
	kind := str(e, "type")
	if !slices.Contains(kinds, kind) {
		k.bad(ruleBlockKnown, path+"/type", "unsupported type: %s", kind)
		return
	}
	if kind == "image" {
		k.image(e, path)
		return
	}
	if id := str(e, "action_id"); id != "" {
		k.length(ruleActionID, path+"/action_id", id)
		if ids[id] {
			k.bad(ruleActionIDOnce, path+"/action_id", "`action_id` %q already exists", id)
		}
		ids[id] = true
	}
	if e["confirm"] != nil {
		k.confirm(e["confirm"], path+"/confirm")
	}
	switch kind {
	case "button":
		k.button(e, path)
	case "static_select", "overflow", "radio_buttons", "checkboxes":
		k.menu(e, path, kind)
	case "plain_text_input":
		if e["placeholder"] != nil {
			k.textObject(e["placeholder"], path+"/placeholder", ruleHeader, "plain_text")
		}
	}
}

func (k *checker) button(e object, path string) {
	k.only(ruleBlockFields, e, path, "type", "text", "action_id", "url", "value", "style", "confirm", "accessibility_label")
	k.textObject(e["text"], path+"/text", ruleButtonText, "plain_text")
	k.length(ruleButtonValue, path+"/value", str(e, "value"))
	if style, ok := e["style"]; ok && style != "primary" && style != "danger" {
		k.bad(ruleButtonStyle, path+"/style", "must be one of: primary, danger")
	}
	if address, ok := e["url"].(string); ok {
		if u, err := url.Parse(address); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			k.bad(ruleButtonURL, path+"/url", "invalid URL")
		}
		k.length(ruleButtonURL, path+"/url", address)
	}
}

func (k *checker) menu(e object, path, kind string) {
	options, _ := e["options"].([]any)
	most := map[string]int{"static_select": ruleOptions.limit(), "overflow": 5, "radio_buttons": 10, "checkboxes": 10}[kind]
	if len(options) < 1 || len(options) > most {
		k.bad(ruleOptions, path+"/options", "must have 1 to %d items", most)
	}
	for i, one := range options {
		at := fmt.Sprintf("%s/options/%d", path, i)
		o, ok := one.(object)
		if !ok {
			k.bad(ruleBlockFields, at, "must provide an object")
			continue
		}
		k.textObject(o["text"], at+"/text", ruleOptionText, "plain_text", "mrkdwn")
		k.length(ruleOptionValue, at+"/value", str(o, "value"))
	}
}

// confirm checks the dialog that asks whether a click was meant.
func (k *checker) confirm(v any, path string) {
	o, ok := v.(object)
	if !ok {
		k.bad(ruleBlockFields, path, "must provide an object")
		return
	}
	k.only(ruleBlockFields, o, path, "title", "text", "confirm", "deny", "style")
	k.textObject(o["title"], path+"/title", ruleConfirmTitle, "plain_text")
	k.textObject(o["text"], path+"/text", ruleConfirmText, "plain_text", "mrkdwn")
	k.textObject(o["confirm"], path+"/confirm", ruleConfirmButton, "plain_text")
	k.textObject(o["deny"], path+"/deny", ruleConfirmButton, "plain_text")
	if style, ok := o["style"]; ok && style != "primary" && style != "danger" {
		k.bad(ruleButtonStyle, path+"/style", "must be one of: primary, danger")
	}
}

// chart checks a data_visualization block.
func (k *checker) chart(b object, path string) {
	k.charts++
	if k.noCharts {
		k.bad(ruleChartOn, path+"/type", "unsupported type: data_visualization")
		return
	}
	if k.surface != surfaceMessage {
		k.bad(ruleBlockKnown, path+"/type", "unsupported type: data_visualization")
		return
	}
	k.named(ruleChartTitle, path+"/title", b["title"])
	chart, _ := b["chart"].(object)
	path += "/chart"
	switch kind := str(chart, "type"); kind {
	case "pie":
		k.only(ruleBlockFields, chart, path, "type", "segments")
		segments, _ := chart["segments"].([]any)
		k.count(ruleChartSeries, path+"/segments", len(segments))
		for i, one := range segments {
			at := fmt.Sprintf("%s/segments/%d", path, i)
			o, _ := one.(object)
			k.named(ruleChartLabel, at+"/label", o["label"])
			if v, ok := o["value"].(float64); !ok || v <= 0 {
				k.bad(ruleChartPoints, at+"/value", "must be more than 0")
			}
		}
	case "line", "bar", "area":
		k.only(ruleBlockFields, chart, path, "type", "series", "axis_config")
		k.series(chart, path)
	default:
		k.bad(ruleBlockFields, path+"/type", "must be one of: pie, bar, area, line")
	}
}

func (k *checker) series(chart object, path string) {
	axis, _ := chart["axis_config"].(object)
	for _, label := range []string{"x_label", "y_label"} {
		if axis[label] != nil {
			k.named(ruleChartTitle, path+"/axis_config/"+label, axis[label])
		}
	}
	var categories []string
	list, _ := axis["categories"].([]any)
	for i, one := range list {
		at := fmt.Sprintf("%s/axis_config/categories/%d", path, i)
		k.named(ruleChartLabel, at, one)
		name, _ := one.(string)
		if slices.Contains(categories, name) {
			k.bad(ruleChartNames, at, "%q already exists", name)
		}
		categories = append(categories, name)
	}
	k.count(ruleChartPoints, path+"/axis_config/categories", len(categories))
	series, _ := chart["series"].([]any)
	k.count(ruleChartSeries, path+"/series", len(series))
	var names []string
	for i, one := range series {
		at := fmt.Sprintf("%s/series/%d", path, i)
		o, _ := one.(object)
		k.named(ruleChartLabel, at+"/name", o["name"])
		if slices.Contains(names, str(o, "name")) {
			k.bad(ruleChartNames, at+"/name", "%q already exists", str(o, "name"))
		}
		names = append(names, str(o, "name"))
		k.points(o, at, categories)
	}
}

// points holds a series to one number for each category.
func (k *checker) points(series object, path string, categories []string) {
	data, _ := series["data"].([]any)
	k.count(ruleChartPoints, path+"/data", len(data))
	left := slices.Clone(categories)
	for i, one := range data {
		at := fmt.Sprintf("%s/data/%d", path, i)
		o, _ := one.(object)
		if v, ok := o["value"].(float64); !ok || math.IsInf(v, 0) {
			k.bad(ruleChartPoints, at+"/value", "must be a number")
		}
		j := slices.Index(left, str(o, "label"))
		if j < 0 {
			k.bad(ruleChartPoints, at+"/label", "must be a category, and once")
			continue
		}
		left = slices.Delete(left, j, j+1)
	}
	if len(left) > 0 {
		k.bad(ruleChartPoints, path+"/data", "has no point for %q", left[0])
	}
}

// count holds a list to 1 to as many items as the rule says.
func (k *checker) count(rule ruleID, path string, n int) {
	if n < 1 || n > rule.limit() {
		k.bad(rule, path, "must have 1 to %d items", rule.limit())
	}
}

// named holds a text to 1 to as many characters as the rule says.
func (k *checker) named(rule ruleID, path string, v any) {
	text, _ := v.(string)
	if text == "" {
		k.bad(rule, path, "must be more than 0 characters")
	}
	k.length(rule, path, text)
	k.text += utf8.RuneCountInString(text)
}
