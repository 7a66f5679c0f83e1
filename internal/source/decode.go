package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"warden/internal/remedy"
)

// The decoder is warden's own because that of client_golang reads a null, or a
// missing, value as 0 (and so would prometheus/common/model): a hole in the
// data would become the worst value there is, and a good host bad. Here
// anything but a number in quotes fails the whole answer.

type decodeLimits struct {
	instant   bool
	label     string // whose value names a row
	maxSeries int
	auth      credentials
}

// answer is what the decoder gathers on its way through a body.
type answer struct {
	decodeLimits
	status    string
	errorType string
	message   string
	warnings  []string
	partial   bool
	kind      string // resultType
	seen      bool   // there was a result
	series    []remedy.Series
	late      json.RawMessage // a result that came before its resultType
}

func decodeAnswer(body []byte, limits decodeLimits) ([]remedy.Series, error) {
	a := answer{decodeLimits: limits}
	dec := json.NewDecoder(bytes.NewReader(body))
	if err := a.decode(dec); err != nil {
		return nil, limits.unusable(err)
	}
	return a.series, a.verdict()
}

// unusable puts what a decoder found into words.
func (l decodeLimits) unusable(err error) error {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &failure{code: codeBadAnswer, cause: err, text: "the answer is cut off: check the server's log, and any proxy before it"}
	}
	return &failure{code: codeBadAnswer, cause: err, text: fmt.Sprintf(
		"the answer is not one of the Prometheus API (%s): check url, and what stands between warden and the server", l.auth.scrub(inWords(err)))}
}

// verdict says whether a well-formed answer may be used.
func (a *answer) verdict() error {
	switch {
	case a.status == "error":
		return fail(codeBadAnswer, "the server answers with an error, %s: %s", a.auth.quote(a.errorType+": "+a.message),
			advice(400, a.errorType, a.message, "", a.auth))
	case a.status != "success":
		return fail(codeBadAnswer, "the answer has the status %s: check url, and what stands between warden and the server", a.auth.quote(a.status))
	case a.partial || len(a.warnings) > 0:
		return fail(codeBadAnswer, "the answer is partial or doubtful and is not used (%s): see to what the server warns of",
			a.auth.quote(strings.Join(a.warnings, "; ")))
	case !a.seen:
		return fail(codeBadAnswer, "the answer holds no result: check url, and what stands between warden and the server")
	default:
		return nil
	}
}

func (a *answer) decode(dec *json.Decoder) error {
	if err := object(dec, func(key string) error {
		switch key {
		case "status":
			return dec.Decode(&a.status)
		case "errorType":
			return dec.Decode(&a.errorType)
		case "error":
			return dec.Decode(&a.message)
		case "warnings":
			return dec.Decode(&a.warnings)
		case "isPartial": // VictoriaMetrics says so when a part of it is down
			return dec.Decode(&a.partial)
		case "data":
			return a.decodeData(dec)
		default:
			return skip(dec)
		}
	}); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more behind its end")
	}
	return nil
}

func (a *answer) decodeData(dec *json.Decoder) error {
	a.kind, a.seen, a.series, a.late = "", false, nil, nil
	t, err := dec.Token()
	if err != nil || t == nil {
		return err // null: a server that reports an error may say so
	}
	if t != json.Delim('{') {
		return fmt.Errorf("data is %v", t)
	}
	err = members(dec, func(key string) error {
		switch key {
		case "resultType":
			return dec.Decode(&a.kind)
		case "result":
			if a.kind == "" {
				return dec.Decode(&a.late)
			}
			return a.decodeResult(dec)
		default:
			return skip(dec)
		}
	})
	if err == nil && a.late != nil {
		return a.decodeResult(json.NewDecoder(bytes.NewReader(a.late)))
	}
	return err
}

func (a *answer) decodeResult(dec *json.Decoder) error {
	if a.seen {
		return errors.New("it holds two results")
	}
	a.seen = true
	switch {
	case a.kind == "matrix", a.kind == "vector" && a.instant:
		return a.decodeSeries(dec)
	case a.kind == "scalar" && a.instant:
		var p sample
		if err := dec.Decode(&p); err != nil {
			return err
		}
		a.series = []remedy.Series{{Points: []remedy.Point{p.point}}}
		return nil
	case a.instant:
		return fail(codeBadAnswer, "the result is a %s, not a vector: write an expression that gives numbers", a.auth.quote(a.kind))
	default:
		return fail(codeBadAnswer, "the result is a %s, not a matrix: check what stands between warden and the server", a.auth.quote(a.kind))
	}
}

func (a *answer) decodeSeries(dec *json.Decoder) error {
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return errors.Join(err, errors.New("the result is not a list"))
	}
	a.series = []remedy.Series{}
	for dec.More() {
		if len(a.series) == a.maxSeries {
			return fail(codeTooLarge, "the answer has more than %d series: narrow the query, or aggregate it with a recording rule", a.maxSeries)
		}
		var s struct {
			Metric     map[string]string `json:"metric"`
			Value      sample            `json:"value"`
			Values     samples           `json:"values"`
			Histogram  json.RawMessage   `json:"histogram"`
			Histograms json.RawMessage   `json:"histograms"`
		}
		if err := dec.Decode(&s); err != nil {
			return err
		}
		if s.Histogram != nil || s.Histograms != nil {
			return fail(codeBadAnswer, "the result holds native histograms: take a number out of them, such as with histogram_count or histogram_quantile")
		}
		points := []remedy.Point(s.Values)
		switch {
		case s.Value.set == (points != nil):
			return errors.New("a series without values")
		case s.Value.set != (a.kind == "vector"):
			return fmt.Errorf("a series that does not belong into a %s", a.kind)
		case s.Value.set:
			points = []remedy.Point{s.Value.point}
		}
		a.series = append(a.series, remedy.Series{Labels: s.Metric, Points: points})
	}
	_, err := dec.Token()
	return err
}

// sample is one [time, "value"].
type sample struct {
	point remedy.Point
	set   bool
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *sample) UnmarshalJSON(b []byte) error {
	p, rest, err := parseSample(b)
	if err != nil || len(rest) != 0 {
		return errSample
	}
	*s = sample{point: p, set: true}
	return nil
}

// samples is a list of [time, "value"] in rising order of time.
type samples []remedy.Point

// UnmarshalJSON implements json.Unmarshaler. It is written out because a round
// of a large fleet holds a million samples, which reflection would take
// seconds for.
func (s *samples) UnmarshalJSON(b []byte) error {
	rest, ok := cut(b, '[')
	if !ok {
		return errors.New("values that are not a list")
	}
	points := make([]remedy.Point, 0, bytes.Count(b, []byte{'['})-1)
	if end, ok := cut(rest, ']'); ok && len(end) == 0 {
		*s = points
		return nil
	}
	for {
		p, after, err := parseSample(rest)
		if err != nil {
			return err
		}
		if n := len(points); n > 0 && points[n-1].At >= p.At {
			return errors.New("samples out of order")
		}
		points = append(points, p)
		if rest, ok = cut(after, ','); ok {
			continue
		}
		if rest, ok = cut(rest, ']'); !ok || len(rest) != 0 {
			return errors.New("values that do not end")
		}
		*s = points
		return nil
	}
}

var errSample = errors.New("a sample that is not [time, \"value\"]")

// maxUnixSeconds is the year 9999.
const maxUnixSeconds = 253402300799

// parseSample reads `[1435781430.781,"1"]` and returns what follows.
func parseSample(b []byte) (p remedy.Point, rest []byte, err error) {
	// Not quoted: what is there may hold anything, escaped in any way.
	wrong := func() (remedy.Point, []byte, error) { return remedy.Point{}, nil, errSample }
	rest, ok := cut(b, '[')
	if !ok {
		return wrong()
	}
	comma := bytes.IndexByte(rest, ',')
	if comma < 0 {
		return wrong()
	}
	at, err := strconv.ParseFloat(string(bytes.TrimSpace(rest[:comma])), 64)
	if err != nil || !(math.Abs(at) <= maxUnixSeconds) {
		return wrong()
	}
	rest, ok = cut(rest[comma+1:], '"')
	if !ok {
		return wrong()
	}
	quote := bytes.IndexByte(rest, '"')
	if quote < 0 {
		return wrong()
	}
	value, err := strconv.ParseFloat(string(rest[:quote]), 64)
	// A number beyond a float64 is an infinity, which the judge takes for unknown.
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return wrong()
	}
	if rest, ok = cut(rest[quote+1:], ']'); !ok {
		return wrong()
	}
	return remedy.Point{At: int64(math.Round(at * 1000)), Value: value}, rest, nil
}

// cut takes white space, the byte c and white space off the front of b.
func cut(b []byte, c byte) ([]byte, bool) {
	b = bytes.TrimLeft(b, " \t\r\n")
	if len(b) == 0 || b[0] != c {
		return b, false
	}
	return bytes.TrimLeft(b[1:], " \t\r\n"), true
}

// object reads a JSON object, calling f after each key to read its value.
func object(dec *json.Decoder, f func(key string) error) error {
	t, err := dec.Token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return fmt.Errorf("it is %v, not an object", t)
	}
	return members(dec, f)
}

// members reads the rest of an object whose opening brace was read.
func members(dec *json.Decoder, f func(key string) error) error {
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			return fmt.Errorf("a key that is %v", t)
		}
		if err := f(key); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}

func skip(dec *json.Decoder) error {
	var ignored json.RawMessage
	return dec.Decode(&ignored)
}
