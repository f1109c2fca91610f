package test

import (
	"context"
	"testing"
	"time"
)

// TestHardening_A10_WhatEndsSessionsEndsTheirLongPolls has ten devices of one user
// wait, and ends their sessions in every way that there is.
func TestHardening_A10_WhatEndsSessionsEndsTheirLongPolls(t *testing.T) {
	each(t, func(s *server) {
		ctx := context.Background()
		proof := map[string]string{"type": "m.login.password", "password": "correct horse"}
		for name, c := range map[string]struct {
			code string
			end  func(by *person)
		}{
			"password": {"M_UNKNOWN_TOKEN", func(by *person) {
				by.call("POST", "/account/password", map[string]any{"new_password": "another horse", "auth": proof}).ok(nil)
			}},
			"logout": {"M_UNKNOWN_TOKEN", func(by *person) { by.call("POST", "/logout/all", nil).ok(nil) }},
			"deactivated": {"M_UNKNOWN_TOKEN", func(by *person) {
				by.call("POST", "/account/deactivate", map[string]any{"auth": proof}).ok(nil)
			}},
			"locked": {"M_USER_LOCKED", func(by *person) {
				if err := s.h.Users.SetLocked(ctx, by.id, true); err != nil {
					t.Error(err)
				}
			}},
		} {
			by := s.registers("alice-" + name)
			type ended struct {
				answer
				device *person
			}
			polls := make(chan ended, 10)
			for range 10 {
				var in struct {
					Token string `json:"access_token"`
				}
				s.call("", "POST", clientPath+"/login", map[string]any{"type": "m.login.password", "user": by.id, "password": "correct horse"}).ok(&in)
				device := &person{s: s, id: by.id, token: in.Token}
				device.syncs()
				device.syncs()
				go func() { polls <- ended{device.call("GET", "/sync?timeout=60000&since="+device.since, nil), device} }()
			}
			start := time.Now()
			c.end(by)
			for range 10 {
				// A poll that was on its way may still tell of the change of devices.
				if p := <-polls; p.code == 200 {
					p.device.call("GET", "/sync", nil).refused(401, c.code)
				} else {
					p.refused(401, c.code)
				}
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("%s: the last long-poll ended after %v", name, took)
			}
		}
	})
}
