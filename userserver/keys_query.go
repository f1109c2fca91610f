package userserver

import (
	"context"
	"encoding/json"

	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/storage"
)

// KeyQuery is the answer of POST /keys/query.
type KeyQuery struct {
	DeviceKeys  map[string]map[string]json.RawMessage `json:"device_keys"`
	Failures    map[string]any                        `json:"failures"`
	Master      map[string]json.RawMessage            `json:"master_keys"`
	SelfSigning map[string]json.RawMessage            `json:"self_signing_keys"`
	UserSigning map[string]json.RawMessage            `json:"user_signing_keys"`
}

// QueryKeys gives the keys of users' devices: for each user the devices named, or
// all. A user-signing key is shown to its owner only. Servers that we do not ask
// are failures.
func (s *Server) QueryKeys(ctx context.Context, asker string, want map[string][]string) (KeyQuery, error) {
	q := KeyQuery{DeviceKeys: map[string]map[string]json.RawMessage{}, Failures: map[string]any{},
		Master: map[string]json.RawMessage{}, SelfSigning: map[string]json.RawMessage{}, UserSigning: map[string]json.RawMessage{}}
	var users []string
	for user := range want {
		if server := id.ServerOf(user); server != s.name {
			q.Failures[server] = map[string]any{}
			continue
		}
		q.DeviceKeys[user] = map[string]json.RawMessage{}
		users = append(users, user)
	}
	if len(users) == 0 {
		return q, nil
	}
	err := s.db.Read(ctx, func(tx *storage.ReadTx) error { return q.fill(tx, asker, users, want) })
	return q, err
}

// sigKey names what a signature is over.
type sigKey struct{ user, target string }

func (q *KeyQuery) fill(tx *storage.ReadTx, asker string, users []string, want map[string][]string) error {
	rows, err := tx.KeySignatures(users)
	if err != nil {
		return err
	}
	sigs := map[sigKey]map[string]map[string]string{}
	for _, r := range rows {
		// Others' signatures are theirs to see: everybody gets what the owner
		// signed, and what they signed themselves.
		if r.Signer != r.User && r.Signer != asker {
			continue
		}
		k := sigKey{r.User, r.Target}
		if sigs[k] == nil {
			sigs[k] = map[string]map[string]string{}
		}
		if sigs[k][r.Signer] == nil {
			sigs[k][r.Signer] = map[string]string{}
		}
		sigs[k][r.Signer][r.KeyID] = r.Signature
	}
	devices, err := tx.DeviceKeys(users)
	if err != nil {
		return err
	}
	for _, d := range devices {
		if !wanted(want[d.User], d.Device) {
			continue
		}
		var unsigned map[string]any
		if d.Name != "" {
			unsigned = map[string]any{"device_display_name": d.Name}
		}
		q.DeviceKeys[d.User][d.Device] = addSignatures(d.JSON, sigs[sigKey{d.User, d.Device}], unsigned)
	}
	cross, err := tx.CrossSigningKeys(users)
	if err != nil {
		return err
	}
	for _, k := range cross {
		var c crossKey
		_ = json.Unmarshal(k.JSON, &c)
		_, key, _ := c.one()
		raw := addSignatures(k.JSON, sigs[sigKey{k.User, key}], nil)
		switch {
		case k.Usage == "master":
			q.Master[k.User] = raw
		case k.Usage == "self_signing":
			q.SelfSigning[k.User] = raw
		case k.Usage == "user_signing" && k.User == asker:
			q.UserSigning[k.User] = raw
		}
	}
	return nil
}

func wanted(list []string, device string) bool {
	for _, d := range list {
		if d == device {
			return true
		}
	}
	return len(list) == 0
}
