package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"

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

// serverName asks for the name when nobody said it: it cannot be changed later, so
// it is not guessed.
func (p *program) serverName(name string) (string, error) {
	if name == "" && term.IsTerminal(int(p.in.Fd())) {
		fmt.Fprint(p.out, "The name of this server stands in every user id and cannot be changed later.\nName, like example.org [localhost]: ")
		line, err := bufio.NewReader(p.in).ReadString('\n')
		if err != nil {
			return "", err
		}
		if name = strings.TrimSpace(line); name == "" {
			name = "localhost"
		}
	}
	if name == "" {
		return "", errors.New("this is a first start, and the server needs a name, which cannot be changed later: say --server-name example.org")
	}
	if !id.IsServerName(name) || name != strings.ToLower(name) {
		return "", fmt.Errorf("%q is not a host name in lower case", name)
	}
	return name, nil
}
