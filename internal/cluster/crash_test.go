package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
)

// crashDir makes the test binary, started again, a node on that directory
// that proposes for as long as it lives.
const crashDir = "WARDEN_CLUSTER_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := proposeForEver(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if member := os.Getenv(crashMember); member != "" {
		if err := beMember(member); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if member := os.Getenv(failoverMember); member != "" {
		if err := beFailoverMember(member); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// crashOptions snapshot and compact all the time, so that kills land there too.
func crashOptions(dir string, m Machine) Options {
	return Options{Dir: dir, NodeName: "a", Machine: m, Logger: zap.NewNop(), SnapshotThreshold: 20, TrailingLogs: 40}
}

// proposeForEver prints each item to stdout once it is acknowledged. Items are
// unique over all runs: the run's first free number, then counting.
func proposeForEver(dir string) error {
	m := &listMachine{}
	n, err := open(context.Background(), crashOptions(dir, m), quick())
	if err != nil {
		return err
	}
	return n.Lead(context.Background(), func(ctx context.Context, _ uint64) error {
		fmt.Println("began", len(m.items()))
		for i := len(m.items()); ; i++ {
			item := fmt.Sprintf("%d %s", i, strings.Repeat("x", 1+i*7%3000))
			if _, err := n.Propose(ctx, []byte(item)); err != nil {
				return err
			}
			fmt.Println("acked", i)
			if i%30 == 29 {
				if err := n.Snapshot(); err != nil {
					return err
				}
			}
		}
	})
}

// crash starts a child on dir and kills it once it has acknowledged the given
// number of items, or finds that it died by itself. It returns the number of
// items the child found at its start (-1 if it never led) and what it
// acknowledged.
func crash(t *testing.T, dir string, after int, env ...string) (int, []int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(append(os.Environ(), crashDir+"="+dir), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	began, acked := -1, []int(nil)
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		var number int
		switch {
		case strings.HasPrefix(line, "began "):
			_, err = fmt.Sscanf(line, "began %d", &number)
			began = number
		case strings.HasPrefix(line, "acked "):
			_, err = fmt.Sscanf(line, "acked %d", &number)
			acked = append(acked, number)
			if len(acked) == after {
				err = cmd.Process.Kill()
			}
		}
		if err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
	}
	if err := cmd.Wait(); ctx.Err() != nil || err == nil || err.Error() != "signal: killed" {
		t.Fatalf("the child ended with %v, %v: %s", err, ctx.Err(), stderr.String())
	}
	return began, acked
}

// checkCrashed opens the directory here and checks that everything that was
// acknowledged is there, in order, once.
func checkCrashed(t *testing.T, dir string, acked []int) {
	t.Helper()
	m := &listMachine{}
	o := crashOptions(dir, m)
	o.Exit = func(code int) { t.Errorf("exit %d", code) }
	n := start(t, o, quick())
	defer stop(t, n)
	items := m.items()
	for i, item := range items {
		if !strings.HasPrefix(item, fmt.Sprint(i, " ")) {
			t.Fatalf("item %d is %.20q: lost, doubled or out of order", i, item)
		}
	}
	if len(acked) > 0 && slices.Max(acked) >= len(items) {
		t.Fatalf("%d was acknowledged and there are %d items", slices.Max(acked), len(items))
	}
}

func TestKillLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	var acked []int
	for range 10 {
		began, got := crash(t, dir, 1+rand.IntN(120))
		if len(acked) > 0 && began <= acked[len(acked)-1] {
			t.Fatalf("%d was acknowledged, and the next run found %d items", acked[len(acked)-1], began)
		}
		acked = append(acked, got...)
		checkCrashed(t, dir, acked)
	}
	t.Logf("%d items acknowledged over 10 kills", len(acked))
}

func TestKillWhileStarting(t *testing.T) {
	dir := t.TempDir()
	var acked []int
	for i := range 10 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), crashDir+"="+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Duration(i*4) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
	}
	_, acked = crash(t, dir, 5)
	checkCrashed(t, dir, acked)
}
