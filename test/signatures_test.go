package test

import (
	"encoding/json"
	"testing"
)

// shown are the signatures that somebody sees over a device, and over a master key.
func (p *person) shown(of *person) (device, master map[string]map[string]string) {
	p.s.t.Helper()
	type signed struct {
		Signatures map[string]map[string]string
	}
	var q struct {
		Devices map[string]map[string]signed `json:"device_keys"`
		Master  map[string]signed            `json:"master_keys"`
	}
	p.call("POST", "/keys/query", map[string]any{"device_keys": map[string]any{of.id: []string{}}}).ok(&q)
	return q.Devices[of.id][of.device].Signatures, q.Master[of.id].Signatures
}

// also adds a signature of somebody to a signed object.
func also(obj map[string]any, user, keyID, signature string) map[string]any {
	raw, _ := json.Marshal(obj)
	out := map[string]any{}
	_ = json.Unmarshal(raw, &out)
	sigs := out["signatures"].(map[string]any)
	if sigs[user] == nil {
		sigs[user] = map[string]any{}
	}
	sigs[user].(map[string]any)[keyID] = signature
	return out
}

// TestHardening_C08_NoSignatureIsKeptThatIsNotGood uploads forged signatures by every
// way in: with the keys themselves, and apart from them.
func TestHardening_C08_NoSignatureIsKeptThatIsNotGood(t *testing.T) {
	each(t, func(s *server) {
		alice, bob, mallory := s.registers("alice"), s.registers("bob"), s.registers("mallory")
		a, m := alice.ring(1), mallory.ring(7)
		ed, selfID, masterID := "ed25519:"+alice.device, "ed25519:"+public(a.self), "ed25519:"+public(a.master)
		forged := sign(t, a.deviceKeys(), alice.id, ed, m.device)["signatures"].(map[string]any)[alice.id].(map[string]string)[ed]

		keys := also(also(also(a.deviceKeys(), alice.id, selfID, forged), bob.id, "ed25519:X", forged), alice.id, "ed25519:OTHER", "short")
		alice.call("POST", "/keys/upload", map[string]any{"device_keys": keys}).ok(nil)
		master := sign(t, a.cross("master", a.master), alice.id, ed, a.device)
		self := sign(t, a.cross("self_signing", a.self), alice.id, masterID, a.master)
		alice.call("POST", "/keys/device_signing/upload", map[string]any{"self_signing_key": self,
			"master_key": also(also(master, mallory.id, "ed25519:"+mallory.device, forged), alice.id, "ed25519:GHOST", forged)}).ok(nil)
		device, over := bob.shown(alice)
		s.is("over the device that came with forgeries", device, map[string]map[string]string{alice.id: device[alice.id]})
		s.is("by whom", len(device[alice.id]), 1)
		s.is("over the master key", len(over[alice.id]), 1)
		s.is("signers of the master key", len(over), 1)

		for what, up := range map[string]map[string]any{
			"forged":                    {alice.id: map[string]any{alice.device: sign(t, a.deviceKeys(), alice.id, selfID, a.device)}},
			"malformed":                 {alice.id: map[string]any{alice.device: also(a.deviceKeys(), alice.id, selfID, "not base64!")}},
			"of no signatures":          {alice.id: map[string]any{alice.device: map[string]any{"user_id": alice.id}}},
			"over another's device":     {bob.id: map[string]any{bob.device: sign(t, a.deviceKeys(), alice.id, selfID, a.self)}},
			"in another's name":         {alice.id: map[string]any{alice.device: sign(t, a.deviceKeys(), bob.id, "ed25519:"+bob.device, a.self)}},
			"over changed keys":         {alice.id: map[string]any{alice.device: sign(t, map[string]any{"user_id": alice.id, "device_id": alice.device}, alice.id, selfID, a.self)}},
			"over what is not there":    {alice.id: map[string]any{"NOWHERE": sign(t, a.deviceKeys(), alice.id, selfID, a.self)}},
			"over the self-signing key": {alice.id: map[string]any{public(a.self): sign(t, a.cross("self_signing", a.self), alice.id, ed, a.device)}},
		} {
			var out struct {
				Failures map[string]map[string]struct{ Errcode string }
			}
			alice.call("POST", "/keys/signatures/upload", up).ok(&out)
			for user, list := range up {
				for target := range list.(map[string]any) {
					if out.Failures[user][target].Errcode == "" {
						t.Errorf("a signature %s was taken", what)
					}
				}
			}
		}
		again, _ := bob.shown(alice)
		s.is("over the device after all that", again, device)
		// Mallory signs alice's device with a key of his own, which is none of his business.
		mallory.call("POST", "/keys/upload", map[string]any{"device_keys": m.deviceKeys()}).ok(nil)
		var out struct {
			Failures map[string]map[string]any
		}
		mallory.call("POST", "/keys/signatures/upload", map[string]any{alice.id: map[string]any{alice.device: sign(t, a.deviceKeys(), mallory.id, "ed25519:"+mallory.device, m.device)}}).ok(&out)
		s.is("mallory's failures", len(out.Failures[alice.id]), 1)
		seen, _ := mallory.shown(alice)
		s.is("what mallory sees", seen, device)
	})
}
