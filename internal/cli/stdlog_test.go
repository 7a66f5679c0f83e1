package cli

import (
	"bytes"
	"log"
	"strings"
	"testing"
)

func TestStandardLogIsTamed(t *testing.T) { // not parallel: there is one standard logger
	var out, before bytes.Buffer
	was := log.Writer()
	log.SetOutput(&before)
	defer log.SetOutput(was)
	logger, err := newLogger(&out, "debug", "json", false)
	if err != nil {
		t.Fatal(err)
	}
	restore := tameStandardLog(logger)
	log.Printf("Unsolicited response received on idle HTTP channel starting with %q; err=%v", "Bearer planted", nil)
	restore()
	log.Print("afterwards")
	if got := out.String(); !strings.Contains(got, "idle HTTP channel starting with") || strings.Contains(got, "planted") || strings.Count(got, "\n") != 1 {
		t.Errorf("logged: %s", got)
	}
	if !strings.Contains(before.String(), "afterwards") || strings.Contains(before.String(), "planted") {
		t.Errorf("the logger before has: %s", before.String())
	}
}
