package source

import (
	"encoding/json"
	"errors"
	"strconv"
)

// exactPowers are the powers of ten that a float64 holds exactly.
var exactPowers = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

const (
	maxDigits   = 18      // of a mantissa that surely fits into a uint64
	maxMantissa = 1 << 53 // up to here every whole number is a float64
)

// decimal reads a plain decimal number off the front of b: the value and how
// many bytes it took. It is for the common case and gives up, with n = 0, on
// whatever it can't do exactly; parseNumber then does it. Its result is bit for
// bit that of strconv.ParseFloat: the mantissa and the power of ten are both
// exact, so that one rounding remains.
func decimal(b []byte) (v float64, n int) {
	i, negative := 0, false
	if len(b) > 0 && b[0] == '-' {
		negative = true
		i++
	}
	var mantissa uint64
	first := i
	for i < len(b) && b[i]-'0' < 10 {
		mantissa = mantissa*10 + uint64(b[i]-'0')
		i++
	}
	digits, exponent := i-first, 0
	if i < len(b) && b[i] == '.' {
		i++
		point := i
		for i < len(b) && b[i]-'0' < 10 {
			mantissa = mantissa*10 + uint64(b[i]-'0')
			i++
		}
		exponent = point - i
		digits -= exponent
	}
	if digits == 0 || digits > maxDigits || mantissa > maxMantissa {
		return 0, 0
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		power, used := exponentOf(b[i+1:])
		if used == 0 {
			return 0, 0
		}
		exponent += power
		i += 1 + used
	}
	v = float64(mantissa)
	switch {
	case exponent == 0:
	case exponent > 0 && exponent < len(exactPowers):
		v *= exactPowers[exponent]
	case exponent < 0 && -exponent < len(exactPowers):
		v /= exactPowers[-exponent]
	default:
		return 0, 0
	}
	if negative {
		v = -v
	}
	return v, i
}

// exponentOf reads a signed number of at most three digits.
func exponentOf(b []byte) (power, n int) {
	i, sign := 0, 1
	if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
		if b[0] == '-' {
			sign = -1
		}
		i++
	}
	first := i
	for i < len(b) && i-first < 4 && b[i]-'0' < 10 {
		power = power*10 + int(b[i]-'0')
		i++
	}
	if i == first || i-first > 3 {
		return 0, 0
	}
	return sign * power, i
}

// parseNumber reads all of b as a number the way strconv does. A number beyond
// a float64 is an infinity, which the judge takes for unknown.
func parseNumber(b []byte) (float64, error) {
	if v, n := decimal(b); n == len(b) && n > 0 {
		return v, nil
	}
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, errSample
	}
	return v, nil
}

// unquote is the text of a JSON string that was found valid.
func unquote(raw []byte) (string, error) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", errors.New("a key that is not a string")
	}
	inner := raw[1 : len(raw)-1]
	for _, c := range inner {
		if c == '\\' || c >= 0x80 { // escapes, and UTF-8 that may be broken
			var s string
			err := json.Unmarshal(raw, &s)
			return s, err
		}
	}
	return string(inner), nil
}
