// Package systemd tells the service manager how the process is: that it has
// started, what it is doing, and, for as long as everything that has to move
// moves, that it lives.
//
// vitals.go decides, and knows no clock and no socket; notify.go speaks the
// protocol of sd_notify(3); supervisor.go joins the two. See DESIGN.md.
package systemd
