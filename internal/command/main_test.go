package command

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain makes the test binary its own child: what an argv names is a program,
// and this one does what its second argument says.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "child" {
		os.Exit(child(os.Args[2], os.Args[3:]))
	}
	os.Exit(m.Run())
}

// told is what a child tells of how it was started.
type told struct {
	Args, Env []string
	Dir       string
	Stdin     int
	Group     bool // it leads a process group
}

func child(what string, args []string) int {
	switch what {
	case "tell":
		dir, _ := os.Getwd()
		in, err := io.ReadAll(os.Stdin)
		if err != nil {
			return 9
		}
		_ = json.NewEncoder(os.Stdout).Encode(told{args, os.Environ(), dir, len(in), syscall.Getpgrp() == os.Getpid()})
	case "exit":
		n, _ := strconv.Atoi(args[0])
		fmt.Fprintln(os.Stderr, "exiting with", args[0])
		return n
	case "flood": // both streams, far more than a pipe holds
		line := strings.Repeat("x", 1023) + "\n"
		for range 4 << 10 {
			fmt.Fprint(os.Stdout, line)
			fmt.Fprint(os.Stderr, line)
		}
		fmt.Fprintln(os.Stdout, "the end")
	case "stubborn": // neither it nor its child hears SIGTERM
		signal.Ignore(syscall.SIGTERM)
		grandchild(args[0], "sleep")
		forever()
	case "sleep":
		signal.Ignore(syscall.SIGTERM)
		if len(args) > 0 {
			note(args[0])
		}
		forever()
	case "polite": // ends by itself when asked to
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		fmt.Println("ready")
		<-c
		fmt.Println("asked to stop")
		return 7
	case "leave": // ends and leaves a child of its own group behind, with its output
		grandchild(args[0], "sleep")
	case "escape": // the same, but in a session of its own
		cmd := exec.Command(os.Args[0], "child", "sleep", args[0])
		cmd.Stdout, cmd.SysProcAttr = os.Stdout, &syscall.SysProcAttr{Setsid: true}
		_ = cmd.Start()
		await(args[0])
		if len(args) > 1 {
			return 1
		}
	case "warden": // runs a command as warden does, until it is killed
		_, err := Run(context.Background(), Order{
			Argv: []string{os.Args[0], "child", "family", args[0], args[1]}, Within: time.Hour, Grace: time.Second,
		})
		fmt.Println(err)
	case "family":
		grandchild(args[1], "sleep")
		note(args[0])
		forever()
	}
	return 0
}

// grandchild starts one and waits until it has said who it is.
func grandchild(file string, what string) {
	cmd := exec.Command(os.Args[0], "child", what, file)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	_ = cmd.Start()
	await(file)
}

// note writes a process's number to a file, whole or not at all.
func note(file string) {
	_ = os.WriteFile(file+".new", []byte(strconv.Itoa(os.Getpid())), 0o600)
	_ = os.Rename(file+".new", file)
}

func await(file string) {
	for {
		if _, err := os.Stat(file); err == nil {
			return
		}
		<-time.After(5 * time.Millisecond)
	}
}

// pidIn waits for a process to say its number.
func pidIn(t *testing.T, file string) int {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-time.After(5 * time.Millisecond) {
		if b, err := os.ReadFile(file); err == nil {
			n, err := strconv.Atoi(string(b))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("nobody wrote %s", file)
	return 0
}

// alive reports whether a process runs: a zombie doesn't.
func alive(pid int) bool {
	f, err := os.Open(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	defer f.Close()
	line, _ := bufio.NewReader(f).ReadString('\n')
	_, state, _ := strings.Cut(line, ") ")
	return state != "" && !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// goes waits until a process is dead.
func goes(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); alive(pid); <-time.After(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("process %d lives on", pid)
		}
	}
}

// order runs the test binary as a child.
func order(args ...string) Order {
	return Order{Argv: append([]string{os.Args[0], "child"}, args...), Within: 20 * time.Second, Grace: time.Second}
}

func run(t *testing.T, o Order) Result {
	t.Helper()
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func forever() {
	<-time.After(time.Hour)
}
