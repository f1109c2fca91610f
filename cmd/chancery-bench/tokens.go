package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
)

// tokens makes accounts without passwords, with a session each, through the
// operator's command line, which talks to the running server.
func (r *loadRun) tokens(ctx context.Context, prefix string, n int) ([]*client, error) {
	cmd := exec.CommandContext(ctx, r.srv.binary, "user", "create", "--data-dir", r.srv.folder, "--no-password",
		"--count", fmt.Sprint(n), "--session", "--json", prefix)
	raw, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("making %d accounts: %w", n, err)
	}
	shared := newHTTP()
	var people []*client
	dec := json.NewDecoder(bytes.NewReader(raw))
	for dec.More() {
		var out struct {
			User  string `json:"user_id"`
			Token string `json:"access_token"`
		}
		if err := dec.Decode(&out); err != nil {
			return nil, err
		}
		people = append(people, &client{base: r.srv.base(), user: out.User, token: out.Token, http: shared})
	}
	return people, nil
}
