package inventory

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"warden/internal/remedy"
)

func TestAsked(t *testing.T) {
	silent := errors.New("nobody answers")
	for name, tt := range map[string]struct {
		names []string
		err   error
		want  []remedy.HostName
		says  string
	}{
		"sorted":      {names: []string{"b", "a"}, want: []remedy.HostName{"a", "b"}},
		"silent":      {err: silent, says: "nobody answers"},
		"empty":       {says: "no hosts"},
		"twice":       {names: []string{"a", "A"}, says: "same host"},
		"not a name":  {names: []string{"a", "b;c"}, says: "not a host name"},
		"names it so": {err: silent, says: "inventory be of HAProxy"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := NewAsked("be of HAProxy", func(context.Context) ([]string, error) { return tt.names, tt.err }).Hosts(t.Context())
			var names []remedy.HostName
			for _, h := range got {
				names = append(names, h.Name)
			}
			if (err != nil) != (tt.says != "") || err != nil && !strings.Contains(err.Error(), tt.says) || !slices.Equal(names, tt.want) {
				t.Errorf("got %v, %v", names, err)
			}
		})
	}
}
