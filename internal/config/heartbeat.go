package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
)

// HeartbeatURL reads the address of [heartbeat] url_file, as Credentials does,
// and checks that it is one; an empty Secret when nobody is told. Read it again
// for each heartbeat. Errors never hold it.
func (c *Config) HeartbeatURL(env Env) (Secret, error) {
	at := []string{"heartbeat", "url_file"}
	secret, err := readSecret(c.Heartbeat.URLFile, env, at...)
	if err != nil || !secret.IsSet() {
		return secret, err
	}
	if _, err := heartbeatURL(secret); err != nil {
		return Secret{}, fmt.Errorf("%s: what it refers to %w", dotted(at), err)
	}
	return secret, nil
}

// heartbeatURL takes the address apart. Its errors don't repeat it.
func heartbeatURL(secret Secret) (*url.URL, error) {
	u, err := url.Parse(secret.Reveal())
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		return nil, errors.New("is no http or https URL: put the whole address that the watcher gave into it, from https:// on")
	case u.Fragment != "":
		return nil, errors.New("is a URL with a fragment, which no server sees: leave out # and what follows")
	}
	return u, nil
}

// heartbeat checks [heartbeat].
func (v *validator) heartbeat(h Heartbeat) {
	interval := []string{"heartbeat", "interval"}
	v.between(interval, h.Interval, second, 60*60*second)
	if !h.URLFile.IsSet() && v.given[pathKey(interval)] {
		v.warn(interval, "interval has no effect without url_file: nobody is told that warden works; add url_file, or leave [heartbeat] out")
	}
}

// heartbeatFile checks that the address can be read, is one, and is not sent
// where others can read it.
func (d *decoder) heartbeatFile(c *Config, env Env) {
	at := []string{"heartbeat", "url_file"}
	secret, err := c.HeartbeatURL(env)
	if err != nil {
		d.badValue(at, "%v", err)
		return
	}
	if !secret.IsSet() {
		return
	}
	if u, err := heartbeatURL(secret); err == nil && u.Scheme == "http" && !isLoopback(u.Hostname()) {
		d.warning(at, "url_file refers to an http URL: who listens on the way can keep the watcher quiet with it; use https")
	}
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
