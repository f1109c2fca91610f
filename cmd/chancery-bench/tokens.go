package main

import (
	"context"
	"fmt"
)

// guests makes accounts without passwords, with a session each: a password's slow
// hash would be all that is measured.
func (r *loadRun) guests(ctx context.Context, n int) ([]*client, error) {
	shared := newHTTP()
	people := make([]*client, n)
	err := parallel(ctx, 16, n, func(ctx context.Context, _, i int) error {
		c := &client{base: r.srv.base(), http: shared}
		var out struct {
			User  string `json:"user_id"`
			Token string `json:"access_token"`
		}
		if err := c.do(ctx, "POST", "/_matrix/client/v3/register?kind=guest", map[string]any{}, &out); err != nil {
			return fmt.Errorf("guest: %w", err)
		}
		c.user, c.token = out.User, out.Token
		people[i] = c
		return nil
	})
	return people, err
}
