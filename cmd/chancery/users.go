package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/chancery-im/chancery/adminapi"
	"github.com/chancery-im/chancery/internal/id"
)

// userCreate makes an account.
func userCreate(p *program, args []string) error {
	o := p.options("user create NAME")
	isAdmin := o.Bool("admin", false, "let the account administer the server")
	stdin := o.Bool("password-stdin", false, "read the password from standard input instead of asking for it")
	display := o.String("displayname", "", "the name that others see")
	words, err := o.parse(args, 1)
	if err != nil {
		return err
	}
	cfg, err := o.load()
	if err != nil {
		return err
	}
	name := words[0]
	if strings.HasPrefix(name, "@") && id.ServerOf(name) == cfg.ServerName {
		name = id.LocalpartOf(name)
	}
	a, err := p.admin(cfg)
	if err != nil {
		return err
	}
	password, err := p.password(*stdin)
	if err == nil {
		var made struct {
			UserID string `json:"user_id"`
		}
		err = a.call(http.MethodPost, "/_chancery/admin/v1/users", adminapi.NewUser{Localpart: name, Password: password, Admin: *isAdmin, DisplayName: *display}, &made)
		if err == nil {
			fmt.Fprintf(p.out, "Made the account %s.\n", made.UserID)
		}
	}
	return errors.Join(err, a.close())
}

// password asks twice, without showing, or reads one line.
func (p *program) password(stdin bool) (string, error) {
	if stdin {
		line, err := bufio.NewReader(io.LimitReader(p.in, 4096)).ReadString('\n')
		if err != nil && err != io.EOF {
			return "", err
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return "", errors.New("there is no password on standard input")
		}
		return line, nil
	}
	fd := int(p.in.Fd())
	if !term.IsTerminal(fd) {
		return "", errors.New("this is no terminal on which to ask for a password; say --password-stdin")
	}
	var twice [2]string
	for i, ask := range []string{"Password: ", "Again: "} {
		fmt.Fprint(p.err, ask)
		raw, err := term.ReadPassword(fd)
		fmt.Fprintln(p.err)
		if err != nil {
			return "", err
		}
		twice[i] = string(raw)
	}
	if twice[0] != twice[1] {
		return "", errors.New("the two passwords differ")
	}
	return twice[0], nil
}

// userList prints all accounts.
func userList(p *program, args []string) error {
	o := p.options("user list")
	if _, err := o.parse(args, 0); err != nil {
		return err
	}
	cfg, err := o.load()
	if err != nil {
		return err
	}
	a, err := p.admin(cfg)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "USER\tKIND\tMADE\tNOTES")
	for after, more := "", true; more && err == nil; more = after != "" {
		var page adminapi.UserPage
		err = a.call(http.MethodGet, "/_chancery/admin/v1/users?limit=1000&after="+url.QueryEscape(after), nil, &page)
		for _, u := range page.Users {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", u.UserID, u.Kind, time.UnixMilli(u.Created).Format(time.DateOnly), notes(u))
		}
		after = page.Next
	}
	return errors.Join(err, w.Flush(), a.close())
}

func notes(u adminapi.User) string {
	var n []string
	for _, one := range []struct {
		is   bool
		word string
	}{{u.Admin, "administrator"}, {u.Deactivated, "deactivated"}, {u.Locked, "locked"}, {u.Suspended, "suspended"}} {
		if one.is {
			n = append(n, one.word)
		}
	}
	return strings.Join(n, ", ")
}

// tokenCreate makes a registration token.
func tokenCreate(p *program, args []string) error {
	o := p.options("token create")
	uses := o.Int64("uses", 1, "how many people may register with it; 0 is any number")
	life := o.Duration("expires", 7*24*time.Hour, "how long it is good; 0 is for ever")
	text := o.String("token", "", "the token itself (default: a random one)")
	if _, err := o.parse(args, 0); err != nil {
		return err
	}
	cfg, err := o.load()
	if err != nil {
		return err
	}
	a, err := p.admin(cfg)
	if err != nil {
		return err
	}
	var made struct {
		Token string `json:"token"`
	}
	err = a.call(http.MethodPost, "/_chancery/admin/v1/registration_tokens",
		adminapi.NewToken{Token: *text, Uses: *uses, LifetimeMS: life.Milliseconds()}, &made)
	if err == nil {
		fmt.Fprintln(p.out, made.Token)
		if cfg.Registration.Mode == "closed" {
			fmt.Fprintln(p.err, "Registration is closed: set registration.mode to token, so that it can be used.")
		}
	}
	return errors.Join(err, a.close())
}
