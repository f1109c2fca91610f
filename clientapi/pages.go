package clientapi

import (
	"embed"
	"net/http"

	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/userserver"
)

// The pages are files that never change with a request: what somebody writes into a
// link stays in their browser, where the scripts treat it as text.
//
//go:embed pages
var pages embed.FS

// pagePolicy lets a page load this server's own scripts and style and nothing else,
// and nobody frame it.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// static answers with a file.
func static(name, kind string) (any, error) {
	raw, err := pages.ReadFile("pages/" + name)
	if err != nil {
		return nil, err
	}
	return httpjson.Reply(func(w http.ResponseWriter, _ *http.Request) {
		for k, v := range map[string]string{"Content-Type": kind + "; charset=utf-8", "Content-Security-Policy": pagePolicy,
			"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"} {
			w.Header().Set(k, v)
		}
		_, _ = w.Write(raw) // a client that is gone is no fault of ours
	}), nil
}

// GET /_matrix/static/client/login/
func (a *API) loginPage(*http.Request, caller) (any, error) { return static("login.html", "text/html") }

// GET /_matrix/static/client/{file}
func (a *API) pageFile(r *http.Request, _ caller) (any, error) {
	switch name := param(r, "file"); name {
	case "login.js", "auth.js", "unsubscribe.js":
		return static(name, "text/javascript")
	case "page.css":
		return static(name, "text/css")
	case "terms":
		if t := a.set.Terms; t.URL != "" {
			return map[string]string{"name": t.Name, "url": t.URL}, nil
		}
	}
	return nil, matrixerr.Unrecognized()
}

// GET /_matrix/client/v3/auth/{authType}/fallback/web
func (a *API) authPage(r *http.Request, _ caller) (any, error) {
	if !userserver.KnownStage(param(r, "stage")) {
		return nil, matrixerr.Unrecognized()
	}
	return static("auth.html", "text/html")
}

// POST /_matrix/client/v3/auth/{authType}/fallback/web
//
// This is what the page of the same path sends.
func (a *API) authFromPage(r *http.Request, _ caller) (any, error) {
	var auth userserver.AuthDict
	if err := httpjson.Decode(r, &auth); err != nil {
		return nil, err
	}
	if err := a.limit(a.questions, network(r)); err != nil {
		return nil, err
	}
	auth.Type = param(r, "stage")
	user, err := a.users.WhoAuthenticates(r.Context(), auth.Session)
	if err != nil {
		return nil, err
	}
	try := func() error { return a.users.CompleteStage(r.Context(), auth) }
	if auth.Type == userserver.StagePassword {
		return httpjson.Empty{}, a.guess(r, user, try)
	}
	return httpjson.Empty{}, try()
}
