package cli

import (
	"errors"
	"fmt"

	"warden/internal/chat"
	"warden/internal/config"
)

// talker is what tells people on one surface beside the console. It outlives
// reloads, so that connections and what it remembers do.
type talker interface {
	// configure puts the file's settings in force and returns the courier, or nil
	// where the surface is off. On an error nothing has changed: a file with an
	// error is not put in force.
	configure(file *config.Config) (chat.Courier, error)
}

// talkers are all there are. Their order doesn't matter: each has a loop and a
// pace of its own.
type talkers []talker

// newTalkers makes one of each kind, which tell nobody before they are configured.
func (d *daemon) newTalkers() talkers {
	return talkers{newPagerTalker(d)}
}

// couriers are those that the file wants.
func (t talkers) couriers(file *config.Config) ([]chat.Courier, error) {
	var out []chat.Courier
	var errs []error
	for _, one := range t {
		c, err := one.configure(file)
		switch {
		case err != nil:
			errs = append(errs, err)
		case c != nil:
			out = append(out, c)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("people can't be told as the file says: %w", err)
	}
	return out, nil
}

// counted has what couriers deliver counted.
func (d *daemon) counted(all []chat.Courier) []chat.Courier {
	for i, c := range all {
		all[i] = d.told.Courier(c)
	}
	return all
}
