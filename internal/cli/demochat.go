package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"warden/internal/clock"
	"warden/internal/config"
	"warden/simulate/fakepager"
	"warden/simulate/fakeslack"
	"warden/simulate/story"
)

// demoOutside is where people are told: a Slack and a PagerDuty of the demo's
// own, on loopback, which hold warden to what the documentation of the real ones
// says.
type demoOutside struct {
	slack *fakeslack.Server
	pager *fakepager.Server

	botToken, appToken, pagerToken, routingKey string

	pagerURL  string
	pagerHTTP *http.Server
	done      sync.WaitGroup
}

// demoWorkspace is who is in the demo's Slack: the approver, somebody who may
// not approve, and a bot; and a channel for each team.
func demoWorkspace() *fakeslack.Workspace {
	all := []string{fakeslack.BotUser, story.Approver, story.Bystander, "U0DEPLOYS"}
	return &fakeslack.Workspace{
		Domain: "demo",
		Users: []fakeslack.User{
			{ID: fakeslack.BotUser, Name: "warden", Bot: true},
			{ID: story.Approver, Name: "sam", RealName: "Sam, approver", Email: demoMail},
			{ID: story.Bystander, Name: "kim", RealName: "Kim, may not", Email: "kim@example.net"},
			{ID: "U0DEPLOYS", Name: "deploys", Bot: true},
		},
		Channels: []fakeslack.Channel{
			{ID: story.OpsChannel, Name: "ops", Members: all},
			{ID: story.MailChannel, Name: "team-mail", Members: all},
			{ID: story.EdgeChannel, Name: "team-edge", Members: all},
		},
	}
}

// demoMail is the address by which Slack's user is the person at the keyboard.
const demoMail = "sam@example.net"

// The demo's PagerDuty: the service whose incidents are about hosts, and
// warden's own.
const (
	demoService  = "PWEB001"
	demoOwn      = "PWARDEN"
	pagerMail    = "warden@example.net"
	pagerHeaders = 10 * time.Second
)

// openOutside starts both. On an error nothing is left open.
func (d *demo) openOutside(ctx context.Context) error {
	o := &demoOutside{
		botToken: "xoxb-demo-" + rand.Text(), appToken: "xapp-demo-" + rand.Text(),
		// A key that begins with R is a ruleset's, which takes no change events.
		pagerToken: rand.Text(), routingKey: ("K" + rand.Text() + rand.Text())[:32],
	}
	var err error
	o.slack, err = fakeslack.New(fakeslack.Options{
		Workspace: demoWorkspace(), Clock: d.clock, Wire: clock.System(), BotToken: o.botToken, AppToken: o.appToken,
	})
	if err != nil {
		return err
	}
	o.pager = fakepager.New(fakepager.Options{
		Clock: d.clock, Token: o.pagerToken,
		Users: []fakepager.User{{ID: "PUSAM", Name: "Sam", Email: demoMail}, {ID: "PUWARDEN", Name: "warden", Email: pagerMail}},
		Services: []fakepager.Service{
			{ID: demoService, Name: "web", Keys: []string{(rand.Text() + rand.Text())[:32]}},
			{ID: demoOwn, Name: "warden itself", Keys: []string{o.routingKey}},
		},
	})
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen on loopback: %w", err)
	}
	// Whatever ends the command, they go after the nodes: see clean.
	if err := o.slack.Start(context.WithoutCancel(ctx)); err != nil {
		return errors.Join(err, l.Close())
	}
	o.pagerURL = "http://" + l.Addr().String()
	o.pagerHTTP = &http.Server{Handler: o.pager, ReadHeaderTimeout: pagerHeaders}
	o.done.Go(func() { _ = o.pagerHTTP.Serve(l) })
	d.outside = o
	return nil
}

// secrets writes what warden is known by outside into files of their own, and
// returns the directory.
func (d *demo) secrets() (string, error) {
	dir := filepath.Join(d.data, "secrets")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make a directory for secrets: %w", err)
	}
	o := d.outside
	for name, value := range map[string]string{
		"slack-bot-token": o.botToken, "slack-app-token": o.appToken, "pagerduty-token": o.pagerToken, "pagerduty-routing-key": o.routingKey,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value+"\n"), 0o600); err != nil {
			return "", fmt.Errorf("write a secret: %w", err)
		}
	}
	return dir, nil
}

func (o *demoOutside) close() {
	if o == nil {
		return
	}
	o.slack.Close()
	_ = o.pagerHTTP.Close() // nothing more to lose
	o.done.Wait()
}

// demoZone is the zone that the config names: the one that times are shown in,
// where it has a name that every machine knows, and UTC else.
func demoZone(shown *time.Location) *time.Location {
	name := shown.String()
	if target, err := os.Readlink("/etc/localtime"); name == "Local" && err == nil {
		_, name, _ = strings.Cut(target, "/zoneinfo/")
	}
	if zone, err := config.LoadZone(name); err == nil && name != "Etc/UTC" {
		return zone
	}
	return time.UTC
}
