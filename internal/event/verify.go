package event

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/chancery-im/chancery/internal/canonicaljson"
	"github.com/chancery-im/chancery/internal/id"
)

// Verifier knows the signing keys of servers. It fails when the key is unknown or
// was not valid at the time, in milliseconds, unless lenient; the signature is
// over message.
type Verifier interface {
	VerifySignature(ctx context.Context, server, keyID string, at int64, lenient bool, message, signature []byte) error
}

// ErrSignature says that a signature that must be there is missing or wrong.
var ErrSignature = errors.New("event: not signed as it must be")

// Verify checks the signatures that the event must have, and its content hash
// ("Checks performed on receipt of a PDU", 2 and 3, server-server API). When only
// the hash is wrong, the event is returned redacted.
func (f *FormatChecked) Verify(ctx context.Context, v Verifier) (*Event, error) {
	e := &f.ev
	message := e.rules.appendRedacted(make([]byte, 0, len(e.json)), e.eventType, e.json, false)
	for _, server := range f.signers() {
		if err := f.signedBy(ctx, v, server, message); err != nil {
			return nil, err
		}
	}
	hash := contentHash(e.json)
	if f.hash == base64.RawStdEncoding.EncodeToString(hash[:]) {
		out := *e
		return &out, nil
	}
	return e.Redact(), nil
}

// signers are the servers whose signatures are required: the sender's (not for an
// invite that comes of a third party's), in room versions 1 and 2 that of the
// event id, and that of the user who authorised a restricted join.
func (f *FormatChecked) signers() []string {
	e := &f.ev
	var out []string
	add := func(server string) {
		for _, s := range out {
			if s == server {
				return
			}
		}
		out = append(out, server)
	}
	if !(e.membership == "invite" && e.thirdParty()) {
		add(id.ServerOf(e.sender))
	}
	if !e.rules.EventIDFromHash {
		add(id.ServerOf(e.id))
	}
	if _, isState := e.Key(); e.rules.Restricted && e.eventType == "m.room.member" && isState {
		if by := e.authorisedBy(); by != "" {
			add(id.ServerOf(by))
		}
	}
	return out
}

func (e *Event) thirdParty() (yes bool) {
	_ = canonicaljson.Fields(e.content, func(key string, v []byte) error {
		yes = yes || key == "third_party_invite" && v[0] == '{'
		return nil
	})
	return yes
}

func (e *Event) authorisedBy() (user string) {
	_ = canonicaljson.Fields(e.content, func(key string, v []byte) error {
		if key == "join_authorised_via_users_server" {
			user, _ = canonicaljson.String(v)
		}
		return nil
	})
	return user
}

// signedBy: one good signature of the server is enough; keys of algorithms that we
// do not know are passed over.
func (f *FormatChecked) signedBy(ctx context.Context, v Verifier, server string, message []byte) error {
	last := fmt.Errorf("%w: nothing by %s", ErrSignature, server)
	for _, s := range f.signatures[server] {
		if len(s.key) < 8 || s.key[:8] != "ed25519:" {
			continue
		}
		err := v.VerifySignature(ctx, server, s.key, f.ev.originTS, !f.ev.rules.KeyValidity, message, s.sig)
		if err == nil {
			return nil
		}
		last = fmt.Errorf("%w: %s by %s: %w", ErrSignature, s.key, server, err)
	}
	return last
}
