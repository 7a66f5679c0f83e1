package source

import (
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"warden/internal/remedy"
)

// sampleAhead is more than a sample takes as servers write it, in bytes.
const sampleAhead = 96

// decoder decodes an answer while it arrives, into the columns of a query. It
// accepts what decodeAnswer accepts, with three exceptions: a member that says
// something twice, one that is spelled with other capitals, and nesting deeper
// than maxDepth. Points on none of the query's instants are left out, and so
// are series that have no other.
type decoder struct {
	answer
	*scanner
	b *builder

	start, step int64 // in milliseconds
	// written is how the server writes each instant, from the bracket to the
	// quote before the value; nil where it is not known.
	written [][]byte
	values  []float64 // of the series at hand, by instant
	scratch []byte

	shape  string // the resultType that the result's contents belong to
	count  int    // series so far
	inData bool
}

// decodeColumns reads one answer to q from r. on is the table of an earlier
// answer, or nil.
func decodeColumns(r io.Reader, q remedy.Query, limits decodeLimits, id identity, on *Table) (Columns, error) {
	return decodeScanned(newScanner(r), q, limits, newBuilder(id, on, q.Steps()))
}

func decodeScanned(sc *scanner, q remedy.Query, limits decodeLimits, b *builder) (Columns, error) {
	s := &decoder{
		answer: answer{decodeLimits: limits}, scanner: sc, b: b,
		start: q.Start.UnixMilli(), step: max(1, q.Step.Milliseconds()),
		values: make([]float64, len(b.cols)), written: make([][]byte, len(b.cols)),
	}
	for k := range s.written {
		s.written[k] = writtenSample(s.start + int64(k)*s.step)
	}
	if err := s.decode(); err != nil {
		return Columns{}, limits.unusable(err)
	}
	if err := s.verdict(); err != nil {
		return Columns{}, err
	}
	return b.columns(), nil
}

// writtenSample is how Prometheus begins a sample.
func writtenSample(ms int64) []byte {
	b := strconv.AppendInt([]byte{'['}, ms/1000, 10)
	if part := ms % 1000; part > 0 {
		b = append(b, '.', byte('0'+part/100), byte('0'+part/10%10), byte('0'+part%10))
	}
	return append(b, `,"`...)
}

func (s *decoder) decode() error {
	err := s.object(func(key string) error {
		switch key {
		case "status":
			return s.small(&s.status)
		case "errorType":
			return s.small(&s.errorType)
		case "error":
			return s.small(&s.message)
		case "warnings":
			return s.small(&s.warnings)
		case "isPartial": // VictoriaMetrics says so when a part of it is down
			return s.small(&s.partial)
		case "data":
			return s.data()
		default:
			return s.skip(0)
		}
	})
	if err != nil {
		return err
	}
	return s.last()
}

// small decodes a value that is held in one piece.
func (s *decoder) small(into any) error {
	raw, err := s.raw()
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

func (s *decoder) data() error {
	if s.inData {
		return errors.New("it holds data twice")
	}
	s.inData = true
	c, err := s.peek()
	if err != nil {
		return err
	}
	if c == 'n' { // null: a server that reports an error may say so
		return s.word("null")
	}
	if c != '{' {
		return errors.New("data is not an object")
	}
	typed := false
	if err := s.object(func(key string) error {
		switch key {
		case "resultType":
			if typed {
				return errors.New("it holds two types of result")
			}
			typed = true
			return s.small(&s.kind)
		case "result":
			return s.result()
		default:
			return s.skip(0)
		}
	}); err != nil || !s.seen {
		return err
	}
	return s.checkKind()
}

// checkKind refuses results that hold no numbers, or that are of another type
// than they say.
func (s *decoder) checkKind() error {
	switch {
	case s.kind == "matrix", s.instant && (s.kind == "vector" || s.kind == "scalar"):
	case s.instant:
		return fail(codeBadAnswer, "the result is a %s, not a vector: write an expression that gives numbers", s.auth.quote(s.kind))
	default:
		return fail(codeBadAnswer, "the result is a %s, not a matrix: check what stands between warden and the server", s.auth.quote(s.kind))
	}
	empty := s.shape == "" && s.kind != "scalar"
	if s.shape != s.kind && !empty {
		return errors.New("a series that does not belong into a " + s.kind)
	}
	return nil
}

func (s *decoder) result() error {
	if s.seen {
		return errors.New("it holds two results")
	}
	s.seen = true
	if s.kind != "" { // known in time: say so before anything else
		s.shape = s.kind
		if err := s.checkKind(); err != nil {
			return err
		}
		s.shape = ""
	}
	c, err := s.peek()
	if err != nil {
		return err
	}
	if c != '[' {
		return errors.New("the result is not a list")
	}
	if s.kind == "scalar" {
		return s.scalar()
	}
	s.pos++
	if c, err = s.peek(); err != nil {
		return err
	}
	if c != '{' && c != ']' && s.kind == "" {
		return s.bareScalar()
	}
	return s.list(']', s.series)
}

// scalar decodes a bare sample, which is one series without labels.
func (s *decoder) scalar() error {
	raw, err := s.raw()
	if err != nil {
		return err
	}
	return s.keepScalar(raw)
}

// bareScalar does so before the result's type is known, behind the bracket.
func (s *decoder) bareScalar() error {
	s.scratch = append(s.scratch[:0], '[')
	if err := s.list(']', func() error {
		raw, err := s.raw()
		s.scratch = append(append(s.scratch, raw...), ',')
		return err
	}); err != nil {
		return err
	}
	s.scratch[len(s.scratch)-1] = ']'
	return s.keepScalar(s.scratch)
}

func (s *decoder) keepScalar(raw []byte) error {
	s.shape = "scalar"
	p, rest, err := parseSample(raw)
	if err != nil || len(rest) != 0 {
		return errSample
	}
	if p.At == s.start {
		s.put(s.b.row(rowID{}, []byte("{}"), ""), []float64{p.Value})
	}
	return nil
}

// put writes a series' values into the columns.
func (s *decoder) put(row int32, values []float64) {
	for k, v := range values {
		s.b.cols[k][row] = v
	}
}

// series decodes one series of a vector or a matrix.
func (s *decoder) series() error {
	if s.count == s.maxSeries {
		return fail(codeTooLarge, "the answer has more than %d series: narrow the query, or aggregate it with a recording rule", s.maxSeries)
	}
	s.count++
	if ok, err := s.take('{'); !ok {
		return errors.Join(err, errors.New("a series without values"))
	}
	one := seriesParts{}
	err := s.list('}', func() error { return s.member(&one) })
	switch {
	case err != nil:
		return err
	case one.shape == "":
		return errors.New("a series without values")
	case s.shape != "" && s.shape != one.shape || s.kind != "" && s.kind != one.shape:
		return errors.New("a series that does not belong into a " + s.kind)
	}
	s.shape = one.shape
	if !one.any {
		return nil
	}
	if !one.named {
		one.row = s.b.row(rowID{}, []byte("null"), "")
	}
	s.put(one.row, s.values)
	return nil
}

// seriesParts is what is known of a series before its end.
type seriesParts struct {
	named bool
	row   int32
	shape string // "vector" or "matrix", by which of value and values it has
	any   bool   // some point is on an instant that was asked for
}

// member decodes one member of a series. As servers write it, it is recognised
// without being taken apart.
func (s *decoder) member(one *seriesParts) error {
	if b := s.ahead(16); len(b) >= 16 && b[0] == '"' {
		switch {
		case string(b[:9]) == `"metric":`:
			s.pos += 9
			return s.name(one)
		case string(b[:8]) == `"value":`:
			s.pos += 8
			return s.value(one)
		case string(b[:9]) == `"values":`:
			s.pos += 9
			return s.matrix(one)
		}
	}
	key, err := s.key()
	if err != nil {
		return err
	}
	switch key {
	case "metric":
		return s.name(one)
	case "value":
		return s.value(one)
	case "values":
		return s.matrix(one)
	case "histogram", "histograms":
		return fail(codeBadAnswer, "the result holds native histograms: take a number out of them, such as with histogram_count or histogram_quantile")
	}
	for _, known := range []string{"metric", "value", "values", "histogram", "histograms"} {
		if strings.EqualFold(key, known) {
			return errors.New("a member of a series in odd capitals")
		}
	}
	return s.skip(0)
}

// name decodes the labels of a series and finds its row. The row is made even
// if no point follows; it is left out of the frame then.
func (s *decoder) name(one *seriesParts) error {
	if one.named {
		return errors.New("a series with two sets of labels")
	}
	one.named = true
	text := s.ahead(s.b.likelyLength() + sampleAhead)
	if row, n, ok := s.b.known(text); ok {
		s.pos += n
		one.row = row
		return nil
	}
	raw, err := s.raw()
	if err != nil {
		return err
	}
	id, name, err := s.labels(raw)
	if err != nil {
		return err
	}
	one.row = s.b.row(id, raw, name)
	return nil
}
