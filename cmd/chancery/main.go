// Command chancery is the homeserver and its tools: it serves, makes accounts and
// tokens, rotates signing keys, and looks over a configuration and a machine.
//
// It reads the command line and prints; what it runs is package homeserver.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// program is one run: its streams, and its environment.
type program struct {
	in       *os.File
	out, err io.Writer
	env      func(string) string
}

type command struct {
	name, args, help string
	run              func(p *program, args []string) error
}

func commands() []command {
	return []command{
		{"serve", "", "run the server", serve},
		{"user create", "NAME", "make an account", userCreate},
		{"user list", "", "list accounts", userList},
		{"user email", "NAME", "list, add or remove mail addresses of an account", userEmail},
		{"token create", "", "make a registration token, for one person unless told otherwise", tokenCreate},
		{"keys rotate", "", "make a new signing key; the old one stays published", keysRotate},
		{"keys list", "", "list signing keys", keysList},
		{"generate-config", "", "print a configuration with every key, its comment and its default", generateConfig},
		{"check-config", "", "say everything that is wrong with a configuration", checkConfig},
		{"doctor", "", "look over configuration, data folder, database, keys, clock and disk", doctor},
		{"version", "", "print the version", version},
	}
}

func main() {
	p := &program{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv}
	os.Exit(p.main(os.Args[1:]))
}

// errShown says that everything has been printed already.
var errShown = errors.New("")

// main runs one command. The result is the process's exit code: 0, 1 when it
// failed, 2 when it was called wrongly.
func (p *program) main(args []string) int {
	for _, c := range commands() {
		words := strings.Fields(c.name)
		if len(args) < len(words) || strings.Join(args[:len(words)], " ") != c.name {
			continue
		}
		err := c.run(p, args[len(words):])
		switch {
		case err == nil || errors.Is(err, flag.ErrHelp):
			return 0
		case errors.Is(err, errUsage):
			return 2
		case !errors.Is(err, errShown):
			fmt.Fprintf(p.err, "chancery: %v\n", err)
		}
		return 1
	}
	asked := len(args) > 0 && (args[0] == "help" || args[0] == "--help" || args[0] == "-h")
	if asked {
		p.usage(p.out)
		return 0
	}
	if len(args) > 0 {
		fmt.Fprintf(p.err, "chancery: there is no command %q\n\n", strings.Join(args, " "))
	}
	p.usage(p.err)
	return 2
}

func (p *program) usage(w io.Writer) {
	fmt.Fprint(w, "Chancery is a Matrix homeserver.\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  chancery %-20s %s\n", strings.TrimSpace(c.name+" "+c.args), c.help)
	}
	fmt.Fprint(w, "\nEach command explains its options with --help.\n")
}
