// Package id knows the form of Matrix identifiers: users, rooms, events, aliases,
// devices and server names (appendices of the specification, "Identifier
// Grammar"). It knows nothing of whether what they name exists.
package id

import (
	"crypto/rand"
	"encoding/base64"
	"io"
	"net/netip"
	"strings"
	"unicode/utf8"
)

// MaxLength is the longest identifier, in bytes.
const MaxLength = 255

// ServerOf is the server name of an identifier: what follows its first colon. ""
// when there is none.
func ServerOf(id string) string {
	_, server, _ := strings.Cut(id, ":")
	return server
}

// LocalpartOf is what stands between the sigil and the first colon.
func LocalpartOf(id string) string {
	if id == "" {
		return ""
	}
	local, _, _ := strings.Cut(id[1:], ":")
	return local
}

// clean: bounded, valid UTF-8 and without NUL or other control characters, so
// that it fits a database's text and a log line.
func clean(s string) bool {
	if len(s) > MaxLength || !utf8.ValidString(s) {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] == 0x7f {
			return false
		}
	}
	return true
}

func sigil(s string, c byte) bool { return len(s) > 1 && s[0] == c && clean(s) }

// IsUser reports whether s is a user id, historical ones included: a localpart of
// any characters but the colon.
func IsUser(s string) bool {
	return sigil(s, '@') && strings.IndexByte(s, ':') > 0 && IsServerName(ServerOf(s))
}

// IsNewLocalpart reports whether s can be the localpart of a new account:
// a-z 0-9 . _ = - / +.
func IsNewLocalpart(s string) bool {
	if s == "" {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("._=-/+", c) >= 0) {
			return false
		}
	}
	return true
}

// IsRoom reports whether s is a room id: with a domain up to room version 11,
// without one from 12 on, when it is a hash.
func IsRoom(s string) bool {
	if !sigil(s, '!') {
		return false
	}
	if i := strings.IndexByte(s, ':'); i >= 0 {
		return i > 1 && IsServerName(s[i+1:])
	}
	return isHash(s[1:])
}

// IsEvent reports whether s is an event id: with a domain in room versions 1 and 2,
// a hash from 3 on (with + and / in 3).
func IsEvent(s string) bool {
	if !sigil(s, '$') {
		return false
	}
	if i := strings.IndexByte(s, ':'); i >= 0 {
		return i > 1 && IsServerName(s[i+1:])
	}
	return isHash(s[1:])
}

// isHash: an unpadded base64 of 32 bytes, in either alphabet.
func isHash(s string) bool {
	if len(s) != 43 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_+/", c) >= 0) {
			return false
		}
	}
	return true
}

// IsAlias reports whether s is a room alias.
func IsAlias(s string) bool {
	return sigil(s, '#') && strings.IndexByte(s, ':') > 1 && IsServerName(ServerOf(s))
}

// IsDevice reports whether s can be a device id: an opaque text.
func IsDevice(s string) bool { return s != "" && clean(s) }

// IsServerName reports whether s is a server name: a host name or IP literal, and
// perhaps a port.
func IsServerName(s string) bool {
	if s == "" || len(s) > 230 {
		return false
	}
	host := s
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return false
		}
		a, err := netip.ParseAddr(s[1:end])
		if err != nil || !a.Is6() || a.Zone() != "" {
			return false
		}
		return end+1 == len(s) || s[end+1] == ':' && isPort(s[end+2:])
	}
	if i := strings.IndexByte(s, ':'); i >= 0 {
		if !isPort(s[i+1:]) {
			return false
		}
		host = s[:i]
	}
	for i := 0; i < len(host); i++ {
		c := host[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.') {
			return false
		}
	}
	return host != ""
}

func isPort(s string) bool {
	if s == "" || len(s) > 5 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// RandomString is n bytes of randomness in URL-safe base64. r is crypto/rand in a
// server; a failing source is a fault of the machine, and panics.
func RandomString(r io.Reader, n int) string {
	if r == nil {
		r = rand.Reader
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		panic("id: no randomness: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// NewRoomID is a new room id of room versions 1 to 11: an opaque part of 144
// random bits.
func NewRoomID(r io.Reader, server string) string {
	return "!" + RandomString(r, 18) + ":" + server
}
