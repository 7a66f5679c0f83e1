package source

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
)

// labels reads the labels of a series, which are valid JSON: who it is, and
// the name that its row is to have.
func (s *decoder) labels(raw []byte) (id rowID, name string, err error) {
	if id, name, ok := s.plainLabels(raw); ok {
		return id, name, nil
	}
	var set map[string]string
	if err := json.Unmarshal(raw, &set); err != nil {
		return rowID{}, "", errors.New("labels that are not text")
	}
	for _, key := range slices.Sorted(maps.Keys(set)) {
		id = id.and(s.pair([]byte(key), []byte(set[key])))
	}
	return id, set[s.label], nil
}

// pair is the identity of one label.
func (s *decoder) pair(key, value []byte) rowID {
	s.scratch = append(append(append(s.scratch[:0], key...), 0xff), value...)
	return s.b.identity.of(s.scratch)
}

// plainLabels reads labels as servers write them: sorted, without escapes and
// white space. It gives up on all others.
func (s *decoder) plainLabels(raw []byte) (id rowID, name string, ok bool) {
	if len(raw) < 2 || raw[0] != '{' {
		return rowID{}, "", false
	}
	rest := raw[1:]
	var before []byte
	for {
		key, after, ok := plainString(rest)
		if !ok || len(after) == 0 || after[0] != ':' || before != nil && string(key) <= string(before) {
			return rowID{}, "", false
		}
		value, after, ok := plainString(after[1:])
		if !ok || len(after) == 0 {
			return rowID{}, "", false
		}
		id = id.and(s.pair(key, value))
		if string(key) == s.label {
			name = string(value)
		}
		if before = key; after[0] != ',' {
			return id, name, after[0] == '}'
		}
		rest = after[1:]
	}
}

// plainString reads a string of ASCII without escapes off the front of b.
func plainString(b []byte) (text, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, nil, false
	}
	for i, c := range b[1:] {
		switch {
		case c == '"':
			return b[1 : 1+i], b[2+i:], true
		case c == '\\' || c >= 0x80:
			return nil, nil, false
		}
	}
	return nil, nil, false
}
