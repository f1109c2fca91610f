package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/chancery-im/chancery/adminapi"
)

// userEmail changes and prints the mail addresses of an account.
func userEmail(p *program, args []string) error {
	o := p.options("user email NAME")
	add := o.String("add", "", "an address that is to be the account's")
	remove := o.String("remove", "", "an address that is not to be the account's any more")
	words, err := o.parse(args, 1)
	if err != nil {
		return err
	}
	cfg, err := o.load()
	if err != nil {
		return err
	}
	user := words[0]
	if !strings.HasPrefix(user, "@") {
		user = "@" + user + ":" + cfg.ServerName
	}
	a, err := p.admin(cfg)
	if err != nil {
		return err
	}
	at := "/_chancery/admin/v1/users/" + url.PathEscape(user) + "/emails"
	if *remove != "" {
		err = a.call(http.MethodDelete, at+"/"+url.PathEscape(*remove), nil, nil)
	}
	if err == nil && *add != "" {
		err = a.call(http.MethodPut, at+"/"+url.PathEscape(*add), struct{}{}, nil)
	}
	var list adminapi.Emails
	if err == nil {
		err = a.call(http.MethodGet, at, nil, &list)
	}
	for _, address := range list.Emails {
		fmt.Fprintln(p.out, address)
	}
	return errors.Join(err, a.close())
}
