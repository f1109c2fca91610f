package userserver

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"

	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// The stages of user-interactive authentication that this server knows.
const (
	StagePassword = "m.login.password"
	StageDummy    = "m.login.dummy"
	StageToken    = "m.login.registration_token"
	StageTerms    = "m.login.terms"
)

// Ask is a request that needs user-interactive authentication.
type Ask struct {
	User   string // who asks; "" while registering
	Action string // method and endpoint
	Body   []byte // the request without auth: a session is good for this one only
	Flows  [][]string
	Params map[string]any // what a client must know of the stages, by stage
	Auth   *AuthDict
}

// AuthDict is the auth object of a request.
type AuthDict struct {
	Type       string `json:"type"`
	Session    string `json:"session"`
	Password   string `json:"password"`
	User       string `json:"user"`
	Token      string `json:"token"`
	Identifier struct {
		Type string `json:"type"`
		User string `json:"user"`
	} `json:"identifier"`
}

// errOtherUser is no failed try: there is nothing to go on with.
var errOtherUser = matrixerr.Forbidden("The authentication is for another user")

var errNoSession = matrixerr.New(400, "M_UNKNOWN", "The authentication session is not known")

// Interactive checks a request's authentication. It returns the registration token
// that was used, if any, once a flow is complete; else a 401 error with the flows
// and the session to go on with.
func (s *Server) Interactive(ctx context.Context, a Ask) (token string, err error) {
	sum := sha256.Sum256(a.Body)
	u := storage.UIA{Session: id.RandomString(s.rand, 18), User: a.User, Action: a.Action, Body: sum[:]}
	if a.Auth != nil && a.Auth.Session != "" {
		if u, err = s.uiaSession(ctx, a, sum[:]); err != nil {
			return "", err
		}
	}
	var failed *matrixerr.Error
	if a.Auth != nil && a.Auth.Type != "" {
		err := s.stage(ctx, a, &u)
		if err == errOtherUser || err != nil && !errors.As(err, &failed) {
			return "", err
		}
	}
	done := stages(u.Done)
	for _, flow := range a.Flows {
		if failed == nil && complete(flow, done) {
			return tokenOf(u.Done), s.endUIA(ctx, a)
		}
	}
	if err := s.write(ctx, func(tx *storage.Tx) error { return tx.PutUIA(u) }); err != nil {
		return "", err
	}
	return "", challenge(a, u.Session, done, failed)
}

// endUIA forgets a session whose flow is complete, if one was stored at all.
func (s *Server) endUIA(ctx context.Context, a Ask) error {
	if a.Auth.Session == "" {
		return nil
	}
	return s.write(ctx, func(tx *storage.Tx) error { return tx.DeleteUIA(a.Auth.Session) })
}

// uiaSession is the session of the request, which must be of the same user, the
// same endpoint and the same body.
func (s *Server) uiaSession(ctx context.Context, a Ask, body []byte) (u storage.UIA, err error) {
	u, err = s.anyUIA(ctx, a.Auth.Session)
	switch {
	case err != nil:
		return u, err
	case u.User != a.User || u.Action != a.Action:
		return u, errNoSession
	case string(u.Body) != string(body):
		return u, matrixerr.Forbidden("The request is not the one that this authentication was begun for")
	}
	return u, nil
}

// stage tries one stage; a matrixerr.Error says that it failed.
func (s *Server) stage(ctx context.Context, a Ask, u *storage.UIA) error {
	known := false
	for _, f := range a.Flows {
		known = known || slices.Contains(f, a.Auth.Type)
	}
	if !known {
		return matrixerr.New(400, "M_UNRECOGNIZED", "This stage is in none of the flows")
	}
	switch a.Auth.Type {
	case StagePassword:
		who := a.Auth.Identifier.User
		if who == "" {
			who = a.Auth.User
		}
		if kind := a.Auth.Identifier.Type; kind != "" && kind != "m.id.user" {
			return matrixerr.Forbidden("Only user ids can be authenticated here")
		}
		if who != "" && who != a.User && s.UserID(who) != a.User {
			return errOtherUser
		}
		if err := s.CheckLogin(ctx, a.User, a.Auth.Password); err != nil {
			return err
		}
	case StageToken:
		good, err := s.TokenGood(ctx, a.Auth.Token)
		if err != nil {
			return err
		}
		if !good {
			return errBadToken
		}
		u.Done = add(u.Done, StageToken+"="+a.Auth.Token)
		return nil
	}
	u.Done = add(u.Done, a.Auth.Type)
	return nil
}

func add(done, stage string) string {
	if done == "" {
		return stage
	}
	return done + " " + stage
}

// stages are the names of what is done.
func stages(done string) []string {
	out := []string{}
	for _, f := range strings.Fields(done) {
		name, _, _ := strings.Cut(f, "=")
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func tokenOf(done string) string {
	for _, f := range strings.Fields(done) {
		if tok, ok := strings.CutPrefix(f, StageToken+"="); ok {
			return tok
		}
	}
	return ""
}

func complete(flow, done []string) bool {
	for _, st := range flow {
		if !slices.Contains(done, st) {
			return false
		}
	}
	return true
}

// challenge is the 401 answer that tells how to go on.
func challenge(a Ask, session string, done []string, failed *matrixerr.Error) error {
	list := make([]map[string]any, 0, len(a.Flows))
	for _, f := range a.Flows {
		list = append(list, map[string]any{"stages": f})
	}
	e := matrixerr.New(401, "", "More authentication is needed")
	params := a.Params
	if params == nil {
		params = map[string]any{}
	}
	e.Extra = map[string]any{"flows": list, "session": session, "params": params, "completed": done}
	if failed != nil {
		e.Code, e.Message = failed.Code, failed.Message
	}
	return e
}
