package web

import (
	"regexp"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// invalid words what huma finds wrong with a request: field by field, as a person
// calls it who asks through a command, and with what to do at the end.
func invalid(e *huma.ErrorModel) *Problem {
	p := problem(e.Status, CodeInvalid, "")
	var words []string
	for _, d := range e.Errors {
		part := ProblemPart{Where: d.Location, Message: plainPart(d.Message)}
		name := part.Where
		if m := missingField.FindStringSubmatch(d.Message); m != nil {
			name, part.Message = m[1], "it is missing"
		} else if _, after, ok := strings.Cut(name, "."); ok {
			name = after // whether in the path, the query or the body: it has one name
		} else if name == "body" {
			name = "the request"
		}
		p.Errors = append(p.Errors, part)
		if name != "" {
			name += ": "
		}
		words = append(words, name+part.Message)
	}
	if len(words) == 0 {
		words = []string{plainPart(e.Detail)}
	}
	p.Detail = strings.Join(words, "; ") + ": ask again with that mended; " + openAPIPath + ".json says what each field takes"
	return p
}

// missingField finds which field is asked for and not there.
var missingField = regexp.MustCompile(`^expected required property (\S+) to be present$`)

// plainParts are huma's words and this API's, the longer ones first.
var plainParts = []struct {
	huma *regexp.Regexp
	ours string
}{
	{regexp.MustCompile(`^unexpected property$`), "there is no such field"},
	{regexp.MustCompile(`^expected value to be one of "(.*)"$`), "it is one of $1"},
	{regexp.MustCompile(`^expected length <= (\d+)$`), "it has at most $1 characters"},
	{regexp.MustCompile(`^expected length >= 1$`), "it can't be empty"},
	{regexp.MustCompile(`^expected length >= (\d+)$`), "it has at least $1 characters"},
	{regexp.MustCompile(`^expected number >= (\S+)$`), "it is at least $1"},
	{regexp.MustCompile(`^expected number <= (\S+)$`), "it is at most $1"},
	{regexp.MustCompile(`^expected array length <= (\d+)$`), "it has at most $1 items"},
	{regexp.MustCompile(`^expected array length >= (\d+)$`), "it has at least $1 items"},
	{regexp.MustCompile(`^expected string to be RFC 3339 date-time$`), "it is a time such as 2026-11-20T03:12:04Z"},
	{regexp.MustCompile(`^expected (?:string|value) to be (.*)$`), "it is $1"},
	{regexp.MustCompile(`^expected (.*)$`), "it is of another type: $1"},
	{regexp.MustCompile(`^invalid (integer|boolean|float|number|date/time.*)$`), "it is not a $1"},
	{regexp.MustCompile(`^validation failed$`), "the request is not what is asked for"},
	{regexp.MustCompile(`^request body is required$`), "it needs a body, in JSON"},
	{regexp.MustCompile(`^(invalid character .*|unexpected end of JSON input|unexpected EOF)$`), "its body is not JSON"},
}

// plainPart is what huma says of one part, in plain words.
func plainPart(said string) string {
	said = strings.TrimPrefix(said, "unmarshal: ")
	for _, x := range plainParts {
		if x.huma.MatchString(said) {
			return x.huma.ReplaceAllString(said, x.ours)
		}
	}
	return said
}
