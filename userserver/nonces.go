package userserver

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the MAC that the endpoint's clients compute
	"encoding/hex"
	"strings"
	"sync"
	"time"

	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
)

// nonces are single-use numbers of shared-secret registration. They live in this
// process only: after a restart a client asks for a new one.
type nonces struct {
	mu   sync.Mutex
	live map[string]time.Time
}

const (
	nonceLife = time.Minute
	maxNonces = 10000
)

// NewNonce makes a nonce for shared-secret registration.
func (s *Server) NewNonce() string {
	n := &s.nonces
	n.mu.Lock()
	defer n.mu.Unlock()
	now := s.clock()
	for k, t := range n.live {
		if now.Sub(t) > nonceLife {
			delete(n.live, k)
		}
	}
	if len(n.live) >= maxNonces {
		clear(n.live)
	}
	nonce := id.RandomString(s.rand, 24)
	n.live[nonce] = now
	return nonce
}

func (s *Server) takeNonce(nonce string) bool {
	n := &s.nonces
	n.mu.Lock()
	defer n.mu.Unlock()
	t, ok := n.live[nonce]
	delete(n.live, nonce)
	return ok && s.clock().Sub(t) <= nonceLife
}

// SharedSecret is a registration that proves to know the shared secret.
type SharedSecret struct {
	Nonce, Username, Password, MAC, UserType string
	Admin                                    bool
	DisplayName                              string
}

// RegisterShared makes an account for who knows the secret: an HMAC-SHA1 over
// nonce, name, password and "admin" or "notadmin", joined by NUL.
func (s *Server) RegisterShared(ctx context.Context, secret string, r SharedSecret) (string, error) {
	if !s.takeNonce(r.Nonce) {
		return "", matrixerr.New(400, "M_UNKNOWN", "The nonce is not known, or was used")
	}
	admin := "notadmin"
	if r.Admin {
		admin = "admin"
	}
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(r.Nonce + "\x00" + r.Username + "\x00" + r.Password + "\x00" + admin))
	if r.UserType != "" {
		mac.Write([]byte("\x00" + r.UserType))
	}
	got, err := hex.DecodeString(r.MAC)
	if err != nil || !hmac.Equal(got, mac.Sum(nil)) {
		return "", matrixerr.Forbidden("The MAC is wrong")
	}
	kind := ""
	if r.UserType == "bot" {
		kind = "bot"
	}
	return s.Register(ctx, NewAccount{Localpart: strings.ToLower(r.Username), Password: r.Password, Admin: r.Admin, Kind: kind, DisplayName: r.DisplayName})
}
