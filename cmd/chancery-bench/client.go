package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// client is one user of the server under test.
type client struct {
	base  string
	token string
	user  string
	http  *http.Client
}

// newHTTP makes a client of its own connections, so that senders do not queue
// behind each other.
func newHTTP() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 512, MaxIdleConns: 512, IdleConnTimeout: time.Minute,
	}}
}

// apiError is an answer of the server that is not 2xx.
type apiError struct {
	Status int
	Code   string `json:"errcode"`
	Text   string `json:"error"`
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s: %s", e.Status, e.Code, e.Text) }

// do sends a request and decodes the answer. A transport error means that nobody
// knows whether it took effect.
func (c *client) do(ctx context.Context, method, path string, body, into any) error {
	var rd io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		rd = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, rd)
	if err != nil {
		return err
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		e := &apiError{Status: resp.StatusCode}
		_ = json.Unmarshal(raw, e)
		return e
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(raw, into)
}

// register makes an account with a session.
func register(ctx context.Context, base, name string) (*client, error) {
	c := &client{base: base, http: newHTTP()}
	var out struct {
		User  string `json:"user_id"`
		Token string `json:"access_token"`
	}
	body := map[string]any{"username": name, "password": "correct horse " + name, "auth": map[string]string{"type": "m.login.dummy"}}
	if err := c.do(ctx, "POST", "/_matrix/client/v3/register", body, &out); err != nil {
		return nil, fmt.Errorf("register %s: %w", name, err)
	}
	c.user, c.token = out.User, out.Token
	return c, nil
}

func (c *client) createRoom(ctx context.Context, body map[string]any) (string, error) {
	var out struct {
		Room string `json:"room_id"`
	}
	err := c.do(ctx, "POST", "/_matrix/client/v3/createRoom", body, &out)
	return out.Room, err
}

func (c *client) join(ctx context.Context, room string) error {
	return c.do(ctx, "POST", "/_matrix/client/v3/rooms/"+url.PathEscape(room)+"/join", map[string]any{}, nil)
}

func (c *client) send(ctx context.Context, room, txn, text string) (string, error) {
	var out struct {
		ID string `json:"event_id"`
	}
	path := "/_matrix/client/v3/rooms/" + url.PathEscape(room) + "/send/m.room.message/" + url.PathEscape(txn)
	err := c.do(ctx, "PUT", path, map[string]string{"msgtype": "m.text", "body": text}, &out)
	return out.ID, err
}

func (c *client) state(ctx context.Context, room, kind, key string, content any) (string, error) {
	var out struct {
		ID string `json:"event_id"`
	}
	path := "/_matrix/client/v3/rooms/" + url.PathEscape(room) + "/state/" + kind + "/" + url.PathEscape(key)
	err := c.do(ctx, "PUT", path, content, &out)
	return out.ID, err
}

// message is an event as the checks read it.
type message struct {
	ID      string `json:"event_id"`
	Type    string `json:"type"`
	Sender  string `json:"sender"`
	Content struct {
		Body string `json:"body"`
	} `json:"content"`
}

// history pages backwards from the newest event, calling fn until it says stop.
func (c *client) history(ctx context.Context, room string, fn func(message) bool) error {
	from := ""
	for {
		var out struct {
			Chunk []message `json:"chunk"`
			End   string    `json:"end"`
		}
		path := "/_matrix/client/v3/rooms/" + url.PathEscape(room) + "/messages?dir=b&limit=500"
		if from != "" {
			path += "&from=" + url.QueryEscape(from)
		}
		if err := c.do(ctx, "GET", path, nil, &out); err != nil {
			return err
		}
		for _, m := range out.Chunk {
			if !fn(m) {
				return nil
			}
		}
		if out.End == "" {
			return nil
		}
		from = out.End
	}
}

// syncAnswer is what the checks read of /sync.
type syncAnswer struct {
	Next  string `json:"next_batch"`
	Rooms struct {
		Join map[string]struct {
			Timeline struct {
				Events  []message `json:"events"`
				Limited bool      `json:"limited"`
				Prev    string    `json:"prev_batch"`
			} `json:"timeline"`
		} `json:"join"`
	} `json:"rooms"`
}

func (c *client) sync(ctx context.Context, since string, wait time.Duration) (syncAnswer, error) {
	var out syncAnswer
	path := fmt.Sprintf("/_matrix/client/v3/sync?timeout=%d&filter=%s", wait.Milliseconds(),
		url.QueryEscape(`{"room":{"timeline":{"limit":1000}}}`))
	if since != "" {
		path += "&since=" + url.QueryEscape(since)
	}
	err := c.do(ctx, "GET", path, nil, &out)
	return out, err
}
