package test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chancery-im/chancery/internal/canonicaljson"
)

// ring is a person's keys: those of the device, and of cross-signing.
type ring struct {
	p                    *person
	device, master, self ed25519.PrivateKey
}

func (p *person) ring(n byte) *ring {
	k := func(i byte) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n, i}, 16)) }
	return &ring{p, k(1), k(2), k(3)}
}

func public(k ed25519.PrivateKey) string {
	return base64.RawStdEncoding.EncodeToString(k.Public().(ed25519.PublicKey))
}

// sign adds a signature to an object, as Matrix has it.
func sign(t *testing.T, obj map[string]any, user, keyID string, key ed25519.PrivateKey) map[string]any {
	t.Helper()
	bare := map[string]any{}
	for k, v := range obj {
		if k != "signatures" && k != "unsigned" {
			bare[k] = v
		}
	}
	raw, err := json.Marshal(bare)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := canonicaljson.Append(nil, raw, true)
	if err != nil {
		t.Fatal(err)
	}
	sigs := map[string]any{user: map[string]string{keyID: base64.RawStdEncoding.EncodeToString(ed25519.Sign(key, msg))}}
	obj["signatures"] = sigs
	return obj
}

func (r *ring) deviceKeys() map[string]any {
	p, ed := r.p, "ed25519:"+r.p.device
	return sign(p.s.t, map[string]any{"user_id": p.id, "device_id": p.device, "algorithms": []string{"m.olm.v1.curve25519-aes-sha2"},
		"keys": map[string]string{ed: public(r.device), "curve25519:" + p.device: strings.Repeat("A", 43)}}, p.id, ed, r.device)
}

func (r *ring) oneTime(i int) map[string]any {
	return sign(r.p.s.t, map[string]any{"key": fmt.Sprintf("key%04d", i)}, r.p.id, "ed25519:"+r.p.device, r.device)
}

func (r *ring) cross(usage string, key ed25519.PrivateKey) map[string]any {
	return map[string]any{"user_id": r.p.id, "usage": []string{usage}, "keys": map[string]string{"ed25519:" + public(key): public(key)}}
}

func TestHardening_C09_NoOneTimeKeyIsGivenOutTwice(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		r := alice.ring(1)
		keys := map[string]any{}
		for i := range 150 {
			keys[fmt.Sprintf("signed_curve25519:%04d", i)] = r.oneTime(i)
		}
		var up struct {
			Counts map[string]int `json:"one_time_key_counts"`
		}
		alice.call("POST", "/keys/upload", map[string]any{"device_keys": r.deviceKeys(), "one_time_keys": keys,
			"fallback_keys": map[string]any{"signed_curve25519:fb": r.oneTime(9999)}}).ok(&up)
		s.is("keys that wait", up.Counts["signed_curve25519"], 150)
		var mu sync.Mutex
		got := map[string]int{}
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				var out struct {
					Keys map[string]map[string]map[string]json.RawMessage `json:"one_time_keys"`
				}
				bob.call("POST", "/keys/claim", map[string]any{"one_time_keys": map[string]any{alice.id: map[string]string{alice.device: "signed_curve25519"}}}).ok(&out)
				mu.Lock()
				defer mu.Unlock()
				for name := range out.Keys[alice.id][alice.device] {
					got[name]++
				}
			})
		}
		wg.Wait()
		for i := range 150 {
			if n := got[fmt.Sprintf("signed_curve25519:%04d", i)]; n != 1 {
				t.Errorf("key %d was given out %d times", i, n)
			}
		}
		s.is("how often the fallback key stood in", got["signed_curve25519:fb"], 50)
		s.is("what alice learns", alice.syncs().KeyCount["signed_curve25519"], 0)
	})
}

func TestHardening_O11_DeviceKeysThatAreNotTheDevicesAreRefused(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		r := alice.ring(1)
		for name, change := range map[string]func(k map[string]any){
			"another user":   func(k map[string]any) { k["user_id"] = bob.id },
			"another device": func(k map[string]any) { k["device_id"] = "OTHER" },
			"an array":       func(k map[string]any) { k["keys"] = []string{} },
			"no signature":   func(k map[string]any) { delete(k, "signatures") },
			"changed":        func(k map[string]any) { k["algorithms"] = []string{"x"} },
			"a megabyte":     func(k map[string]any) { k["x"] = strings.Repeat("x", 1<<20) },
		} {
			keys := r.deviceKeys()
			change(keys)
			if a := alice.call("POST", "/keys/upload", map[string]any{"device_keys": keys}); a.code < 400 || a.code >= 500 {
				t.Errorf("%s: %d %s", name, a.code, a.body)
			}
		}
		alice.call("POST", "/keys/upload", map[string]any{"device_keys": nil, "one_time_keys": nil}).ok(nil)
		alice.call("POST", "/keys/upload", map[string]any{"device_keys": r.deviceKeys()}).ok(nil)
		alice.call("POST", "/keys/upload", map[string]any{"device_keys": r.deviceKeys()}).ok(nil)
		other := alice.ring(2)
		alice.call("POST", "/keys/upload", map[string]any{"one_time_keys": map[string]any{"signed_curve25519:1": r.oneTime(1)}}).ok(nil)
		var up struct {
			Counts map[string]int `json:"one_time_key_counts"`
		}
		alice.call("POST", "/keys/upload", map[string]any{"device_keys": other.deviceKeys()}).ok(&up)
		s.is("one-time keys that the old keys signed", up.Counts["signed_curve25519"], 0)
	})
}

func TestCrossSigningNeedsGoodSignaturesAndForAChangeThePassword(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		r := alice.ring(1)
		alice.call("POST", "/keys/upload", map[string]any{"device_keys": r.deviceKeys()}).ok(nil)
		master := sign(t, r.cross("master", r.master), alice.id, "ed25519:"+alice.device, r.device)
		self := sign(t, r.cross("self_signing", r.self), alice.id, "ed25519:"+public(r.master), r.self) // by the wrong key
		alice.call("POST", "/keys/device_signing/upload", map[string]any{"master_key": master, "self_signing_key": self}).refused(400, "M_INVALID_SIGNATURE")
		self = sign(t, r.cross("self_signing", r.self), alice.id, "ed25519:"+public(r.master), r.master)
		alice.call("POST", "/keys/device_signing/upload", map[string]any{"master_key": master, "self_signing_key": self}).ok(nil)
		alice.call("POST", "/keys/device_signing/upload", map[string]any{"master_key": master, "self_signing_key": self}).ok(nil)
		other := alice.ring(5)
		change := map[string]any{"master_key": sign(t, other.cross("master", other.master), alice.id, "ed25519:"+alice.device, r.device)}
		var uia struct{ Session string }
		a := alice.call("POST", "/keys/device_signing/upload", change)
		_ = json.Unmarshal(a.body, &uia)
		s.is("a change without a password", a.code, 401)
		dev := sign(t, r.deviceKeys(), alice.id, "ed25519:"+public(r.self), r.self)
		var fails struct {
			Failures map[string]map[string]struct{ Errcode string }
		}
		forged := sign(t, r.deviceKeys(), alice.id, "ed25519:"+public(r.self), r.master)
		alice.call("POST", "/keys/signatures/upload", map[string]any{alice.id: map[string]any{alice.device: forged}}).ok(&fails)
		s.is("a forged signature", fails.Failures[alice.id][alice.device].Errcode, "M_INVALID_SIGNATURE")
		fails.Failures = nil
		alice.call("POST", "/keys/signatures/upload", map[string]any{alice.id: map[string]any{alice.device: dev}}).ok(&fails)
		s.is("failures", len(fails.Failures), 0)
		var q struct {
			Devices map[string]map[string]struct {
				Signatures map[string]map[string]string
			} `json:"device_keys"`
			Master map[string]json.RawMessage `json:"master_keys"`
			User   map[string]json.RawMessage `json:"user_signing_keys"`
		}
		bob.call("POST", "/keys/query", map[string]any{"device_keys": map[string]any{alice.id: []string{}}}).ok(&q)
		s.is("signatures over alice's device", len(q.Devices[alice.id][alice.device].Signatures[alice.id]), 2)
		if q.Master[alice.id] == nil || len(q.User) != 0 {
			t.Errorf("keys: %+v", q)
		}
	})
}

func TestToDeviceMessagesComeUntilTheNextToken(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		bob.syncs()
		since := bob.since
		for i := range 3 {
			alice.call("PUT", fmt.Sprintf("/sendToDevice/m.test/t%d", i), map[string]any{"messages": map[string]any{bob.id: map[string]any{"*": map[string]int{"n": i}}}}).ok(nil)
		}
		alice.call("PUT", "/sendToDevice/m.test/t0", map[string]any{"messages": map[string]any{bob.id: map[string]any{"*": map[string]int{"n": 0}}}}).ok(nil)
		s.is("the first time", len(bob.syncs("timeout", "30000").ToDevice.Events), 3)
		next := bob.since
		bob.since = since
		s.is("again for the same token", len(bob.syncs().ToDevice.Events), 3)
		bob.since = next
		s.is("after the next token", len(bob.syncs().ToDevice.Events), 0)
		bob.since = since
		s.is("and never again", len(bob.syncs().ToDevice.Events), 0)
	})
}

func TestDeviceListsFollowPeopleInAndOut(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		alice.syncs()
		bob.call("POST", "/keys/upload", map[string]any{"device_keys": bob.ring(1).deviceKeys()}).ok(nil)
		s.is("a stranger's keys", len(alice.syncs().Devices.Changed), 0)
		room := alice.creates(map[string]any{"preset": "public_chat"})
		alice.syncs()
		bob.joins(room)
		s.is("bob comes", slices.Contains(alice.syncs().Devices.Changed, bob.id), true)
		bob.call("PUT", "/devices/"+bob.device, map[string]string{"display_name": "new"}).ok(nil)
		s.is("bob's device changes", slices.Contains(alice.syncs("timeout", "30000").Devices.Changed, bob.id), true)
		bob.does("leave", room, nil).ok(nil)
		got := alice.syncs().Devices
		s.is("bob goes", slices.Contains(got.Left, bob.id), true)
	})
}

func TestABackupKeepsTheBetterKey(t *testing.T) {
	each(t, func(s *server) {
		alice := s.registers("alice")
		var v struct{ Version string }
		alice.call("GET", "/room_keys/version", nil).refused(404, "M_NOT_FOUND")
		alice.call("POST", "/room_keys/version", map[string]any{"algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": map[string]string{"public_key": "x"}}).ok(&v)
		put := func(first int, verified bool, data string) (e struct {
			ETag  string
			Count int
		}) {
			alice.call("PUT", "/room_keys/keys/!r:example.org/session?version="+v.Version, map[string]any{"first_message_index": first, "forwarded_count": 0,
				"is_verified": verified, "session_data": map[string]string{"x": data}}).ok(&e)
			return e
		}
		put(5, false, "first")
		was := put(3, false, "better")
		same := put(4, false, "worse")
		s.is("the etag after a worse key", same.ETag, was.ETag)
		put(9, true, "verified")
		var k struct {
			Data map[string]string `json:"session_data"`
		}
		alice.call("GET", "/room_keys/keys/!r:example.org/session?version="+v.Version, nil).ok(&k)
		s.is("what is kept", k.Data["x"], "verified")
		alice.call("POST", "/room_keys/version", map[string]any{"algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": map[string]string{}}).ok(nil)
		a := alice.call("PUT", "/room_keys/keys/!r:example.org/session?version="+v.Version, map[string]any{"first_message_index": 1, "forwarded_count": 0, "is_verified": true, "session_data": map[string]string{}})
		a.refused(403, "M_WRONG_ROOM_KEYS_VERSION")
		if !strings.Contains(string(a.body), `"current_version":"2"`) {
			t.Errorf("%s", a.body)
		}
		alice.call("DELETE", "/room_keys/version/2", nil).ok(nil)
		alice.call("GET", "/room_keys/version", nil).ok(&v)
		s.is("the version that is current again", v.Version, "1")
	})
}
