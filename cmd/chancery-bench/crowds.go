package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
)

// crowded: a message in a room of 5,000 local members, and in one of two.
func (r *loadRun) crowded(ctx context.Context) error {
	owner, err := register(ctx, r.srv.base(), "crier")
	if err != nil {
		return err
	}
	for _, members := range []int{2, 5000} {
		room, err := owner.createRoom(ctx, guestRoom)
		if err != nil {
			return err
		}
		people, err := r.guests(ctx, members-1)
		if err != nil {
			return err
		}
		if err := parallel(ctx, 16, len(people), func(ctx context.Context, _, i int) error { return people[i].join(ctx, room) }); err != nil {
			return err
		}
		names := make([]string, 0, 50)
		for _, p := range people[:min(len(people), 50)] {
			names = append(names, p.user)
		}
		for kind, content := range map[string]any{
			"message":              map[string]any{"msgtype": "m.text", "body": "hello"},
			"mention of everybody": map[string]any{"msgtype": "m.text", "body": "hello", "m.mentions": map[string]any{"room": true}},
			"mention of 50":        map[string]any{"msgtype": "m.text", "body": "hello", "m.mentions": map[string]any{"user_ids": names}},
		} {
			m := r.meter(fmt.Sprintf("%s, %d members", kind, members))
			for i := range 300 {
				path := fmt.Sprintf("/_matrix/client/v3/rooms/%s/send/m.room.message/c%d.%s.%d", url.PathEscape(room), members, url.PathEscape(kind), i)
				if err := m.time(func() error { return owner.do(ctx, "PUT", path, content, nil) }); err != nil {
					return err
				}
			}
			m.print()
		}
	}
	return nil
}

// keys: device keys of 1,000 people asked for at once, and a one-time key of each
// claimed.
func (r *loadRun) keys(ctx context.Context) error {
	const n = 1000
	people, err := r.guests(ctx, n)
	if err != nil {
		return err
	}
	query, devices := map[string][]string{}, make([]string, n)
	m := r.meter("keys/upload of 20 one-time keys")
	err = parallel(ctx, 8, n, func(ctx context.Context, _, i int) error {
		var who struct {
			Device string `json:"device_id"`
		}
		if err := people[i].do(ctx, "GET", "/_matrix/client/v3/account/whoami", nil, &who); err != nil {
			return err
		}
		devices[i] = who.Device
		return m.time(func() error {
			return people[i].do(ctx, "POST", "/_matrix/client/v3/keys/upload", keysOf(people[i].user, who.Device, i), nil)
		})
	})
	if err != nil {
		return err
	}
	m.print()
	for _, p := range people {
		query[p.user] = []string{}
	}
	asker := people[0]
	m = r.meter(fmt.Sprintf("keys/query of %d devices", n))
	for range 20 {
		if err := m.time(func() error {
			return asker.do(ctx, "POST", "/_matrix/client/v3/keys/query", map[string]any{"device_keys": query}, nil)
		}); err != nil {
			return err
		}
	}
	m.print()
	claim := map[string]map[string]string{}
	for i, p := range people {
		claim[p.user] = map[string]string{devices[i]: "signed_curve25519"}
	}
	m = r.meter(fmt.Sprintf("keys/claim of %d devices", n))
	for range 15 {
		if err := m.time(func() error {
			return asker.do(ctx, "POST", "/_matrix/client/v3/keys/claim", map[string]any{"one_time_keys": claim}, nil)
		}); err != nil {
			return err
		}
	}
	m.print()
	return nil
}

// keysOf are keys as a client uploads them: signed by the device.
func keysOf(user, device string, seed int) map[string]any {
	secret := ed25519.NewKeyFromSeed(fmt.Appendf(nil, "%032d", seed))
	b64 := base64.RawStdEncoding.EncodeToString
	signed := func(v map[string]any) map[string]any {
		raw, _ := json.Marshal(v) // sorted keys and plain ASCII: canonical JSON
		v["signatures"] = map[string]any{user: map[string]string{"ed25519:" + device: b64(ed25519.Sign(secret, raw))}}
		return v
	}
	one := map[string]any{}
	for i := range 20 {
		one[fmt.Sprintf("signed_curve25519:AAAA%02d", i)] = signed(map[string]any{"key": b64(fmt.Appendf(nil, "%032d", seed*1000+i))})
	}
	return map[string]any{"one_time_keys": one, "device_keys": signed(map[string]any{"user_id": user, "device_id": device,
		"algorithms": []string{"m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"},
		"keys":       map[string]string{"curve25519:" + device: b64(fmt.Appendf(nil, "%032d", seed)), "ed25519:" + device: b64(secret.Public().(ed25519.PublicKey))}})}
}
