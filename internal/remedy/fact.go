package remedy

import "encoding/json"

// Fact is a value that may be unknown. The zero Fact is unknown, so that a
// fact nobody filled in can never allow anything. Why says, for an unknown
// fact, what could not be read and what to do about it.
type Fact[T any] struct {
	value T
	known bool
	// Why explains an unknown fact in one short sentence.
	Why string
}

// Known makes a known fact.
func Known[T any](v T) Fact[T] { return Fact[T]{value: v, known: true} }

// Unknown makes an unknown fact with the reason it is unknown.
func Unknown[T any](why string) Fact[T] { return Fact[T]{Why: why} }

// Get returns the value and whether it is known. The value is the zero value
// when it is not.
func (f Fact[T]) Get() (T, bool) { return f.value, f.known }

// IsKnown reports whether the fact is known.
func (f Fact[T]) IsKnown() bool { return f.known }

// MarshalJSON writes a known fact as its value and an unknown one as null.
func (f Fact[T]) MarshalJSON() ([]byte, error) {
	if !f.known {
		return []byte("null"), nil
	}
	return json.Marshal(f.value)
}

// UnmarshalJSON reads null as unknown and anything else as a known value.
func (f *Fact[T]) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*f = Fact[T]{}
		return nil
	}
	f.known = true
	return json.Unmarshal(b, &f.value)
}
