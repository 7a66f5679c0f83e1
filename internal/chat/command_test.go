package chat_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"warden/internal/chat"
)

func TestCommandsAreReadAndNothingElseIs(t *testing.T) {
	t.Parallel()
	for said, want := range map[string][]string{
		"":                                {"status"},
		"why W-1042":                      {"explain", "W-1042"},
		"why 1042":                        {"explain", "W-1042"},
		"why not ingest-22 at 02:40":      {"explain", "--host=ingest-22", "--at=02:40"},
		"WHY ingest-22 at 2026-11-20 2:4": {"explain", "--host=ingest-22", "--at=2026-11-20 2:4"},
		"drain ingest-17 fan is loud":     {"run", "drain", "ingest-17", "--plan"},
		"run restart_receiver db:1":       {"run", "restart_receiver", "db:1", "--plan"},
		"undo w-7":                        {"undo", "W-7", "--plan"},
		"hold ingest-17 4h kernel  work":  {"hold", "ingest-17", "4h", "--reason=kernel work"},
		"release ingest-17":               {"release", "ingest-17"},
		"freeze --for=1s now":             {"freeze", "--reason=--for=1s now"},
		"unfreeze":                        {"unfreeze"},
		"trust drain":                     {"trust", "drain"},
		"summary":                         {"summary", "preview"},
	} {
		got, err := chat.ParseCommand(said)
		if d := cmp.Diff(want, got.Args); err != nil || d != "" {
			t.Errorf("%q: %v %s", said, err, d)
		}
	}
	for said, hint := range map[string]string{
		"dran ingest-17": "`drain`", "freez": "`freeze`", "please drain ingest-17": "othing was done", "drain": "`drain HOST`", "drain --yes": "othing was done", "drain -- web": "othing was done",
		"undo W-0": "othing was done", "undo W-1 W-2": "othing was done", "hold web-1 forever x": "othing was done", "hold web-1 4h": "othing was done", "unfreeze now": "othing was done", "trust --out=/etc/passwd": "othing was done",
		"approve W-1": "othing was done", "why not --host at 1": "othing was done", "release $(id)": "othing was done", "<!channel>": "othing was done", "\x1b[31m": "othing was done",
	} {
		got, err := chat.ParseCommand(said)
		if err == nil || !strings.Contains(err.Error(), hint) || len(got.Args) > 0 {
			t.Errorf("%q is taken for %q, %v", said, got.Args, err)
		}
	}
}

func FuzzParseCommand(f *testing.F) {
	f.Add("drain ingest-17")
	f.Add("hold a 1h --reason=x")
	f.Fuzz(func(t *testing.T, said string) {
		k, err := chat.ParseCommand(said)
		if err != nil {
			return
		}
		for i, a := range k.Args {
			known := a == "--plan" || strings.HasPrefix(a, "--reason=") || strings.HasPrefix(a, "--host=") || strings.HasPrefix(a, "--at=")
			if i > 0 && strings.HasPrefix(a, "-") && !known || strings.ContainsAny(a, "\x00\n\x1b") {
				t.Errorf("%q becomes the argument %q", said, a)
			}
		}
	})
}
