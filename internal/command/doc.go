// Package command runs the commands that a config names: actions, observers and
// inventories. A command is an argv and never a shell's line: every element is
// one argument, whatever is in it. It gets an environment of its own, a process
// group of its own, a time limit, and a pipe that is always drained; what it
// prints is capped and free of secrets before anybody sees it. See DESIGN.md.
package command
