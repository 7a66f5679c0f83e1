package cli

import (
	"errors"
	"fmt"

	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"warden/internal/config"
)

func (p *program) newConfigSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of the configuration, for editors", Args: cobra.NoArgs,
		Example: `  warden config schema > warden.schema.json`,
		Long: `Print the JSON Schema (draft 4) of the configuration, for editors: with
"#:schema ./warden.schema.json" as the first line of warden.toml, those that speak
TOML complete keys and mark unknown ones. warden config check knows more.`,
		RunE: func(*cobra.Command, []string) error {
			data, err := config.JSONSchema()
			if err != nil {
				return err
			}
			_, err = p.out.Write(data)
			return err
		},
	}
}

func (p *program) newConfigMigrateCommand() *cobra.Command {
	var write bool
	cmd := &cobra.Command{
		Use: "migrate [FILE]", Short: "Bring an older configuration file to the version this build reads", Args: cobra.MaximumNArgs(1),
		Example: `  warden config migrate warden.toml > new.toml
  warden config migrate warden.toml --write`,
		Long: `Bring an older configuration file to the config_version that this build reads. What
needs no change stays as it is, comments and all. The result goes to standard output,
or with --write into the file. FILE is ` + defaultConfig + ` unless given.`,
		RunE: func(_ *cobra.Command, args []string) error { return p.migrate(fileArg(args), write) },
	}
	cmd.Flags().BoolVar(&write, "write", false, "replace the file, all of it or nothing")
	return cmd
}

func (p *program) migrate(path string, write bool) error {
	before, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	after, did, err := config.Migrate(before)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, step := range did {
		p.printer.talk("%s: %s", path, step)
	}
	if len(did) == 0 {
		p.printer.talk("%s: already current, nothing to do", path)
	}
	switch {
	case !write:
		_, err = p.out.Write(after)
	case len(did) > 0:
		err = rewrite(path, after)
	}
	if err != nil {
		return err
	}
	if _, report := config.Parse(path, after, parseOptions()); report.Err() != nil {
		p.printer.talk("It isn't right yet: %s See `warden config check %s`.", report.Summary(), path)
	}
	return nil
}

// rewrite replaces a file, all of it or nothing, and keeps its mode. A symbolic
// link stays one.
func rewrite(path string, data []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("replace the configuration: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("replace the configuration: %w", err)
	}
	next, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("replace the configuration: %w: nothing was changed", err)
	}
	_, err = next.Write(data)
	err = errors.Join(err, next.Chmod(info.Mode().Perm()), next.Sync(), next.Close())
	if err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("replace the configuration: %w: nothing was changed", errors.Join(err, os.Remove(next.Name())))
	}
	return nil
}
