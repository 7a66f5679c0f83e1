package config

import (
	"errors"
	"maps"
	"slices"

	"warden/internal/command"
	"warden/internal/remedy"
)

// The fields that each command's templates may use. The action checks them
// once more when it is made.
var (
	fieldsPool = []string{command.FieldPool}
	fieldsAll  = []string{command.FieldPool, command.FieldAction}
	fieldsHost = append([]string{command.FieldHost}, fieldsAll...)
	fieldsRun  = append([]string{command.FieldID, command.FieldToken}, fieldsHost...)
	fieldsUndo = append([]string{command.FieldPrior}, fieldsRun...)
)

// execAction checks the keys of an action that is a command.
func (v *validator) execAction(name remedy.ActionName, a Action) {
	at := func(keys ...string) []string { return append([]string{"actions", string(name)}, keys...) }
	v.argv(at("run"), a.Run, fieldsRun)
	v.argv(at("plan"), a.Plan, fieldsHost)
	undo := v.argv(at("undo"), a.Undo, fieldsUndo)
	v.argv(at("observe"), a.Observe, fieldsHost)
	v.argv(at("observe_all"), a.ObserveAll, fieldsAll)
	if undo != nil && undo.Uses(command.FieldPrior) && len(a.Observe) == 0 && len(a.ObserveAll) == 0 {
		v.fail(at("undo"), "undo: {{ .Prior }} is what observe printed before the action, and there is no observe: add it, or leave {{ .Prior }} out")
	}
	v.variables(at("env"), a.Env)
	if _, err := command.ParseHostPattern(a.HostPattern); err != nil {
		v.fail(at("host_pattern"), "host_pattern: %v: write a regular expression that the whole name matches", err)
	}
	v.between(at("read_timeout"), a.ReadTimeout, second, 60*second)
	if v.ok(at("undo")) && len(a.Undo) == 0 && a.UndoHint == "" {
		v.warn(at("undo"), "actions.%s has no undo: people put its hosts back by hand; add undo, or undo_hint to say how", name)
	}
	v.observed(name, a)
}

// observed warns where nobody says who is in service, which blocks the action,
// and where nobody says what it did, which keeps it at confirm.
func (v *validator) observed(name remedy.ActionName, a Action) {
	at := []string{"actions", string(name)}
	if !v.ok(at, join(at, "observe"), join(at, "observe_all")) {
		return
	}
	levels := v.config.Levels(name)
	for _, pool := range slices.Sorted(maps.Keys(levels)) {
		switch {
		case !v.config.Pools[pool].AssumeInService && !v.config.observable(pool):
			v.warn(join(at, "observe_all"), "actions.%s: nothing says who is in service in pools.%s, so nothing is done there: add observe_all, or assume_in_service = true to the pool, which keeps it at confirm", name, pool)
		case levels[pool] == remedy.LevelAuto && len(a.Observe) == 0 && len(a.ObserveAll) == 0:
			v.warn(join(at, "observe"), "actions.%s: without observe nobody knows whether it was done, which keeps it at confirm in pools.%s though it is set to auto; add observe", name, pool)
		}
	}
}

// observable reports whether some action tells who is in service in the pool.
func (c *Config) observable(pool remedy.PoolName) bool {
	for name, a := range c.Actions {
		if _, ok := c.Levels(name)[pool]; ok && (a.Type == TypeHAProxy || len(a.ObserveAll) > 0 && a.TakesOut) {
			return true
		}
	}
	return false
}

// argv checks a command, if there is one, and returns it.
func (v *validator) argv(p, argv, fields []string) *command.Argv {
	if len(argv) == 0 || !v.ok(p) {
		return nil
	}
	parsed, err := command.ParseArgv(argv, fields...)
	if e, ok := errors.AsType[*command.ArgError](err); ok {
		v.fail(join(p, element(e.Index)), "%s: %s%s", last(p), e.Text, didYouMean(e.Unknown, e.Known))
	} else if err != nil {
		v.fail(p, "%s: %v", last(p), err)
	}
	return parsed
}

// variables checks an allow-list of environment variables.
func (v *validator) variables(p, names []string) {
	for i, name := range names {
		if err := command.CheckVariable(name); err != nil {
			v.fail(join(p, element(i)), "env: %v", err)
		}
	}
}
