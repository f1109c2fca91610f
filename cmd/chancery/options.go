package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/chancery-im/chancery/config"
)

var errUsage = errors.New("wrong usage")

// options are the flags that every command with a configuration has.
type options struct {
	*flag.FlagSet
	p       *program
	config  string
	dataDir string
}

// Names of the environment's variables. A flag goes before them.
const (
	envConfig     = "CHANCERY_CONFIG"
	envDataDir    = "CHANCERY_DATA_DIR"
	envServerName = "CHANCERY_SERVER_NAME"
)

const defaultDataDir = "./chancery-data"

func (p *program) options(name string) *options {
	o := &options{FlagSet: flag.NewFlagSet("chancery "+name, flag.ContinueOnError), p: p}
	o.SetOutput(p.err)
	o.StringVar(&o.config, "config", p.env(envConfig), "configuration file (default: chancery.yaml in the data folder)")
	o.StringVar(&o.dataDir, "data-dir", p.env(envDataDir), "data folder (default: what the configuration says, or "+defaultDataDir+")")
	return o
}

// parse reads the flags, which may stand before and behind the n arguments.
func (o *options) parse(args []string, n int) ([]string, error) {
	var words []string
	for {
		if err := o.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, errUsage
		}
		if o.NArg() == 0 {
			break
		}
		words, args = append(words, o.Arg(0)), o.Args()[1:]
	}
	if len(words) != n {
		fmt.Fprintf(o.p.err, "%s: expected %d arguments, not %d\n", o.Name(), n, len(words))
		o.Usage()
		return nil, errUsage
	}
	return words, nil
}

// file is the path of the configuration.
func (o *options) file() string {
	if o.config != "" {
		return o.config
	}
	dir := o.dataDir
	if dir == "" {
		dir = defaultDataDir
	}
	return filepath.Join(dir, "chancery.yaml")
}

// load reads the configuration.
func (o *options) load() (*config.Config, error) {
	cfg, err := config.Load(o.file(), config.Override{DataDir: o.dataDir})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no configuration at %s; name it with --config, or let \"chancery serve\" make one", o.file())
	}
	return cfg, err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
