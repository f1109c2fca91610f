// Package appservice knows the application services that the operator has let in: it
// reads their registration files, tells whose an as_token is, and which user ids belong
// to a service ("Registration", application service API).
//
// It sends nothing yet, and knows no accounts.
package appservice

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"regexp"

	"github.com/goccy/go-yaml"
)

// registration is a registration file. Keys that are not known are other servers'.
type registration struct {
	ID         string `yaml:"id"`
	ASToken    string `yaml:"as_token"`
	HSToken    string `yaml:"hs_token"`
	Sender     string `yaml:"sender_localpart"`
	Namespaces struct {
		Users []struct {
			Exclusive bool   `yaml:"exclusive"`
			Regex     string `yaml:"regex"`
		} `yaml:"users"`
	} `yaml:"namespaces"`
}

// service is an application service with what it owns.
type service struct {
	id     string
	sender string // its own user id
	users  []namespace
}

// namespace is a set of user ids. Go's regular expressions take linear time.
type namespace struct {
	exclusive bool
	ids       *regexp.Regexp
}

// Registry is the application services of a server. Its zero value has none.
type Registry struct {
	byToken map[[32]byte]*service
}

// Load reads registration files for a server of this name. Its error has all that is
// wrong with any of them.
func Load(server string, files []string) (*Registry, error) {
	r := &Registry{byToken: map[[32]byte]*service{}}
	ids := map[string]bool{}
	var wrong []error
	for _, f := range files {
		if err := r.add(server, f, ids); err != nil {
			wrong = append(wrong, fmt.Errorf("application service %s: %w", f, err))
		}
	}
	return r, errors.Join(wrong...)
}

func (r *Registry) add(server, file string, ids map[string]bool) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var reg registration
	if err := yaml.Unmarshal(raw, &reg); err != nil {
		return err
	}
	for name, v := range map[string]string{"id": reg.ID, "as_token": reg.ASToken, "hs_token": reg.HSToken, "sender_localpart": reg.Sender} {
		if v == "" {
			return errors.New(name + " is missing")
		}
	}
	h := sha256.Sum256([]byte(reg.ASToken))
	if ids[reg.ID] || r.byToken[h] != nil {
		return errors.New("another one has its id or its as_token")
	}
	s := &service{id: reg.ID, sender: "@" + reg.Sender + ":" + server}
	for _, n := range reg.Namespaces.Users {
		// Expressions are matched from the beginning of an id.
		ids, err := regexp.Compile("^(?:" + n.Regex + ")")
		if err != nil || n.Regex == "" {
			return fmt.Errorf("namespaces.users: %q is no regular expression", n.Regex)
		}
		s.users = append(s.users, namespace{n.Exclusive, ids})
	}
	ids[reg.ID], r.byToken[h] = true, s
	return nil
}

// OfToken finds the service of an as_token. owns reports whether a user id is the
// service's own or in one of its namespaces.
func (r *Registry) OfToken(token string) (owns func(user string) bool, ok bool) {
	s := r.byToken[sha256.Sum256([]byte(token))]
	if s == nil {
		return nil, false
	}
	return s.owns, true
}

func (s *service) owns(user string) bool {
	if user == s.sender {
		return true
	}
	for _, n := range s.users {
		if n.ids.MatchString(user) {
			return true
		}
	}
	return false
}

// Exclusive reports whether a user id is a service's alone.
func (r *Registry) Exclusive(user string) bool {
	for _, s := range r.byToken {
		if user == s.sender {
			return true
		}
		for _, n := range s.users {
			if n.exclusive && n.ids.MatchString(user) {
				return true
			}
		}
	}
	return false
}
