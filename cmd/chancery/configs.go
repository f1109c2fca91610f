package main

import (
	"flag"
	"fmt"
	"runtime/debug"

	"github.com/chancery-im/chancery/config"
)

// flagValue is a flag as Visit shows it.
type flagValue = flag.Flag

// generateConfig prints the sample.
func generateConfig(p *program, args []string) error {
	f := flag.NewFlagSet("chancery generate-config", flag.ContinueOnError)
	f.SetOutput(p.err)
	name := f.String("server-name", p.env(envServerName), "name of the server")
	dir := f.String("data-dir", p.env(envDataDir), "data folder")
	if err := f.Parse(args); err != nil {
		if err == flag.ErrHelp {
			return err
		}
		return errUsage
	}
	fmt.Fprint(p.out, config.Sample(*name, *dir))
	return nil
}

// checkConfig says everything that is wrong with a configuration.
func checkConfig(p *program, args []string) error {
	o := p.options("check-config")
	if _, err := o.parse(args, 0); err != nil {
		return err
	}
	if _, err := o.load(); err != nil {
		fmt.Fprintln(p.err, err)
		return errShown
	}
	fmt.Fprintf(p.out, "%s is good.\n", o.file())
	return nil
}

// released is set by the build of a release.
var released = ""

// versionText is the version of a release, or the commit that was built.
func versionText() string {
	if released != "" {
		return released
	}
	if b, ok := debug.ReadBuildInfo(); ok {
		if b.Main.Version != "" && b.Main.Version != "(devel)" {
			return b.Main.Version
		}
		for _, s := range b.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return "at " + s.Value[:12]
			}
		}
	}
	return "(unreleased)"
}

func version(p *program, _ []string) error {
	fmt.Fprintf(p.out, "chancery %s\n", versionText())
	return nil
}
