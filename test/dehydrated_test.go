package test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"testing"
)

const dehydrated = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device"

// sleeper is an upload of a dehydrated device of a person.
func (p *person) sleeper(device string, n byte) map[string]any {
	as := &person{s: p.s, id: p.id, device: device}
	r := as.ring(n)
	keys := r.deviceKeys()
	keys["dehydrated"] = true
	keys = sign(p.s.t, keys, p.id, "ed25519:"+device, r.device)
	return map[string]any{"device_id": device, "initial_device_display_name": "asleep", "device_keys": keys,
		"device_data":   map[string]any{"algorithm": "org.matrix.msc3814.v2", "device_pickle": "sealed", "nonce": "once"},
		"one_time_keys": map[string]any{"signed_curve25519:1": r.oneTime(1)},
		"fallback_keys": map[string]any{"signed_curve25519:fb": r.oneTime(2)}}
}

// dreams are the messages of a dehydrated device from one token, and the next.
func (p *person) dreams(method, device, from string) (bodies []string, next string) {
	p.s.t.Helper()
	var out struct {
		Events []event
		Next   string `json:"next_batch"`
	}
	path, body := dehydrated+"/"+url.PathEscape(device)+"/events", any(map[string]string{"next_batch": from})
	if method == "GET" {
		path, body = path+"?next_batch="+url.QueryEscape(from), nil
	}
	p.s.call(p.token, method, path, body).ok(&out)
	for _, e := range out.Events {
		bodies = append(bodies, e.text())
	}
	return bodies, out.Next
}

func TestADehydratedDeviceReceivesWhileNobodyIsThere(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		bob.joins(alice.creates(map[string]any{"preset": "public_chat"}))
		bob.syncs()
		s.call(alice.token, "GET", dehydrated, nil).refused(404, "M_NOT_FOUND")
		s.call(alice.token, "PUT", dehydrated, alice.sleeper("sleep/1+", 1)).ok(nil)
		s.is("whose devices bob asks for", bob.syncs().Devices.Changed, []string{alice.id})
		var got struct {
			ID   string `json:"device_id"`
			Data struct{ Nonce string }
		}
		var raw map[string]json.RawMessage
		s.call(alice.token, "GET", dehydrated, nil).ok(&raw)
		_ = json.Unmarshal(raw["device_id"], &got.ID)
		_ = json.Unmarshal(raw["device_data"], &got.Data)
		s.is("what alice wakes", []string{got.ID, got.Data.Nonce}, []string{"sleep/1+", "once"})
		var q struct {
			Keys map[string]map[string]struct {
				Dehydrated bool
			} `json:"device_keys"`
		}
		bob.call("POST", "/keys/query", map[string]any{"device_keys": map[string]any{alice.id: []string{}}}).ok(&q)
		s.is("what bob sees", q.Keys[alice.id]["sleep/1+"].Dehydrated, true)
		for range 3 {
			var c struct {
				Keys map[string]map[string]map[string]json.RawMessage `json:"one_time_keys"`
			}
			bob.call("POST", "/keys/claim", map[string]any{"one_time_keys": map[string]any{alice.id: map[string]string{"sleep/1+": "signed_curve25519"}}}).ok(&c)
			s.is("keys that bob gets", len(c.Keys[alice.id]["sleep/1+"]), 1)
		}
		var want []string
		for i := range 150 {
			text := fmt.Sprint("dream ", i)
			want = append(want, text)
			bob.call("PUT", fmt.Sprintf("/sendToDevice/m.room.encrypted/d%d", i), map[string]any{"messages": map[string]any{alice.id: map[string]any{"sleep/1+": map[string]string{"body": text}}}}).ok(nil)
		}
		for _, method := range []string{"POST", "GET", "POST"} { // reading takes nothing away
			var all []string
			for from := ""; ; {
				part, next := alice.dreams(method, "sleep/1+", from)
				if len(part) == 0 {
					break
				}
				all, from = append(all, part...), next
			}
			s.is("dreams", all, want)
		}
		s.call(alice.token, "POST", dehydrated+"/"+alice.device+"/events", map[string]any{}).refused(403, "M_FORBIDDEN")
		s.call(bob.token, "POST", dehydrated+"/"+url.PathEscape("sleep/1+")+"/events", map[string]any{}).refused(403, "M_FORBIDDEN")
		s.call(alice.token, "POST", dehydrated+"/"+url.PathEscape("sleep/1+")+"/events", map[string]any{"next_batch": "x"}).refused(400, "M_INVALID_PARAM")
	})
}

// devices are the ids of the person's devices, without the one that tells them.
func (p *person) others() (ids []string) {
	p.s.t.Helper()
	var out struct {
		Devices []struct {
			ID string `json:"device_id"`
		}
	}
	p.call("GET", "/devices", nil).ok(&out)
	for _, d := range out.Devices {
		if d.ID != p.device {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

func TestThereIsOneDehydratedDeviceAtMost(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		bob.joins(alice.creates(map[string]any{"preset": "public_chat"}))
		message := func(device, txn string) {
			bob.call("PUT", "/sendToDevice/x/"+txn, map[string]any{"messages": map[string]any{alice.id: map[string]any{device: map[string]string{"body": "hello"}}}}).ok(nil)
		}
		first := alice.sleeper("first", 1)
		s.call(alice.token, "PUT", dehydrated, first).ok(nil)
		message("first", "1")
		s.call(alice.token, "PUT", dehydrated, first).ok(nil)
		said, _ := alice.dreams("POST", "first", "")
		s.is("messages after the upload was repeated", len(said), 1)
		s.call(alice.token, "PUT", dehydrated, alice.sleeper("first", 2)).ok(nil)
		said, _ = alice.dreams("POST", "first", "")
		s.is("messages of the device with other keys", len(said), 0)
		s.call(alice.token, "PUT", dehydrated, alice.sleeper("second", 3)).ok(nil)
		s.is("other devices", alice.others(), []string{"second"})
		message("first", "2")
		s.call(alice.token, "POST", dehydrated+"/first/events", map[string]any{}).refused(403, "M_FORBIDDEN")

		bob.syncs()
		s.call(alice.token, "DELETE", dehydrated, nil).ok(nil)
		s.is("whose devices bob asks for", slices.Contains(bob.syncs().Devices.Changed, alice.id), true)
		s.is("other devices in the end", len(alice.others()), 0)
		s.call(alice.token, "DELETE", dehydrated, nil).refused(404, "M_NOT_FOUND")

		s.call(alice.token, "PUT", dehydrated, alice.sleeper("third", 4)).ok(nil)
		alice.call("POST", "/delete_devices", map[string]any{"devices": []string{"third"},
			"auth": map[string]string{"type": "m.login.password", "user": alice.id, "password": "correct horse"}}).ok(nil)
		s.call(alice.token, "GET", dehydrated, nil).refused(404, "M_NOT_FOUND")
	})
}

func TestADehydratedDeviceIsNobodysSession(t *testing.T) {
	each(t, func(s *server) {
		alice := s.registers("alice")
		s.call(alice.token, "PUT", dehydrated, alice.sleeper(alice.device, 1)).refused(400, "M_INVALID_PARAM")
		s.call(alice.token, "PUT", dehydrated, alice.sleeper("asleep", 1)).ok(nil)
		s.call("", "POST", clientPath+"/login", map[string]any{"type": "m.login.password", "user": "alice", "password": "correct horse",
			"device_id": "asleep"}).refused(400, "M_INVALID_PARAM")
		for name, change := range map[string]func(up map[string]any){
			"no id":           func(up map[string]any) { delete(up, "device_id") },
			"no data":         func(up map[string]any) { delete(up, "device_data") },
			"no algorithm":    func(up map[string]any) { up["device_data"] = map[string]any{} },
			"no keys":         func(up map[string]any) { delete(up, "device_keys") },
			"keys of another": func(up map[string]any) { up["device_id"] = "other" },
			"an unsigned key": func(up map[string]any) {
				up["fallback_keys"] = map[string]any{"signed_curve25519:x": map[string]any{"key": "k"}}
			},
			"changed keys":      func(up map[string]any) { up["device_keys"].(map[string]any)["dehydrated"] = false },
			"data of a list":    func(up map[string]any) { up["device_data"] = []string{} },
			"an id of control":  func(up map[string]any) { up["device_id"] = "a\x00b" },
			"a number for a id": func(up map[string]any) { up["device_id"] = 7 },
		} {
			up := alice.sleeper("next", 2)
			change(up)
			if a := s.call(alice.token, "PUT", dehydrated, up); a.code != 400 {
				t.Errorf("%s: %d %s", name, a.code, a.body)
			}
		}
		s.is("what is still asleep", alice.others(), []string{"asleep"})
		alice.call("POST", "/logout/all", nil).ok(nil)
		back := s.call("", "POST", clientPath+"/login", map[string]any{"type": "m.login.password", "user": "alice", "password": "correct horse"})
		var in struct {
			Token string `json:"access_token"`
		}
		back.ok(&in)
		s.call(in.Token, "GET", dehydrated, nil).refused(404, "M_NOT_FOUND")
	})
}
