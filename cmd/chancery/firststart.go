package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/chancery-im/chancery/config"
	"github.com/chancery-im/chancery/internal/id"
)

// firstStart makes a configuration where there is none: in the data folder, with
// every default written out.
func (p *program) firstStart(o *options, name string) error {
	if o.config != "" {
		return fmt.Errorf("there is no configuration at %s; \"chancery generate-config\" prints one", o.config)
	}
	name, err := p.serverName(name)
	if err != nil {
		return err
	}
	path := o.file()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(config.Sample(name, "."))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	fmt.Fprintf(p.out, "Made a configuration for %s: %s\n", name, path)
	return nil
}

// tryName is the name of a server that was given none: good for a try on one
// machine.
const tryName = "localhost"

// serverName checks the name. It cannot be changed later, so who gives none is told
// what they get.
func (p *program) serverName(name string) (string, error) {
	if name == "" {
		fmt.Fprintf(p.out, "This server is named %s: good for a try on this machine. A name stands in every user id and cannot be\n"+
			"changed later; for real use begin in an empty folder with --server-name example.org\n", tryName)
		return tryName, nil
	}
	if !id.IsServerName(name) || name != strings.ToLower(name) {
		return "", fmt.Errorf("%q is not a host name in lower case", name)
	}
	return name, nil
}
