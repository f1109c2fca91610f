// Package signingkeys keeps this server's own signing keys: a folder with one file
// for each key. The newest signs; those of before stay, because what they signed
// must remain verifiable.
//
// It owns the folder and its files. It signs nothing, and knows nothing of other
// servers' keys.
package signingkeys

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Key is one signing key.
type Key struct {
	ID      string // like ed25519:a_x7Kq
	Private ed25519.PrivateKey
	Created time.Time
	// Expired is when the next key took over; zero for the one that signs.
	Expired time.Time
}

// Public is the key as others see it, in unpadded base64.
func (k Key) Public() string {
	return base64.RawStdEncoding.EncodeToString(k.Private.Public().(ed25519.PublicKey))
}

// Ring is all keys of a server, the newest first. It is never empty.
type Ring []Key

// Current is the key that signs.
func (r Ring) Current() Key { return r[0] }

// Old are those that signed before, to be published as old_verify_keys
// (server-server API, "Publishing Keys").
func (r Ring) Old() []Key { return r[1:] }

// Load reads the keys of a folder. It refuses files that others than their owner
// may touch, keys that the public knows, and two keys with one id. A folder
// without keys is fs.ErrNotExist.
func Load(dir string) (Ring, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.key"))
	if err != nil {
		return nil, err
	}
	var ring Ring
	seen := map[string]bool{}
	for _, name := range names {
		k, err := read(name)
		if err != nil {
			return nil, err
		}
		if seen[k.ID] {
			return nil, fmt.Errorf("%s: there are two signing keys with the id %s", dir, k.ID)
		}
		seen[k.ID] = true
		ring = append(ring, k)
	}
	if len(ring) == 0 {
		return nil, fmt.Errorf("%s: there is no signing key: %w", dir, fs.ErrNotExist)
	}
	sort.Slice(ring, func(i, j int) bool {
		if !ring[i].Created.Equal(ring[j].Created) {
			return ring[i].Created.After(ring[j].Created)
		}
		return ring[i].ID < ring[j].ID
	})
	for i := range ring[1:] {
		ring[i+1].Expired = ring[i].Created
	}
	return ring, nil
}

func read(name string) (Key, error) {
	fi, err := os.Lstat(name)
	if err != nil {
		return Key{}, err
	}
	if !fi.Mode().IsRegular() {
		return Key{}, fmt.Errorf("%s: a signing key must be a plain file", name)
	}
	if fi.Mode().Perm()&0o077 != 0 {
		return Key{}, fmt.Errorf("%s: the signing key can be touched by others (mode %#o); make it 0600, and if others could read it, rotate it", name, fi.Mode().Perm())
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		return Key{}, err
	}
	k, err := parse(raw)
	if err != nil {
		return Key{}, fmt.Errorf("%s: %w", name, err)
	}
	return k, nil
}

// parse reads the lines "ed25519 <version> <seed in unpadded base64>" and "created
// <ms since the epoch>". The first is the form that other servers use too.
func parse(raw []byte) (k Key, err error) {
	for _, line := range strings.Split(string(raw), "\n") {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || strings.HasPrefix(line, "#"):
		case len(f) == 3 && f[0] == "ed25519":
			seed, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(f[2], "="))
			if err != nil || len(seed) != ed25519.SeedSize || !version(f[1]) {
				return k, errors.New("not an ed25519 signing key")
			}
			if wellKnown(seed) {
				return k, errors.New("this signing key is known to the public; delete the file and let the server make one")
			}
			k.ID, k.Private = "ed25519:"+f[1], ed25519.NewKeyFromSeed(seed)
		case len(f) == 2 && f[0] == "created":
			ms, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil || ms < 0 {
				return k, errors.New("the time of creation is not a number")
			}
			k.Created = time.UnixMilli(ms)
		default:
			return k, errors.New("there is a line that a signing key file does not have")
		}
	}
	if k.Private == nil {
		return k, errors.New("there is no key in the file")
	}
	return k, nil
}

// version: the part of a key id behind the colon is made of a-z A-Z 0-9 and _
// (appendices, "Signing JSON").
func version(s string) bool {
	for _, c := range s {
		if !(c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z') {
			return false
		}
	}
	return s != ""
}

// published are seeds that stand in documents: the specification's examples.
var published = []string{"YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1"}

// wellKnown reports whether a seed is in a document, or no random number at all.
func wellKnown(seed []byte) bool {
	if bytes.Count(seed, seed[:1]) == len(seed) {
		return true
	}
	for _, s := range published {
		if known, err := base64.RawStdEncoding.DecodeString(s); err == nil && bytes.Equal(known, seed) {
			return true
		}
	}
	return false
}

// Add makes a key and stores it, durably. From the next Load on it is the one that
// signs.
func Add(dir string, now time.Time, random io.Reader) (Key, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Key{}, err
	}
	seed, tag := make([]byte, ed25519.SeedSize), make([]byte, 5)
	for _, b := range [][]byte{seed, tag} {
		if _, err := io.ReadFull(random, b); err != nil {
			return Key{}, err
		}
	}
	v := "a_" + strings.NewReplacer("-", "x", "_", "y").Replace(base64.RawURLEncoding.EncodeToString(tag))
	text := fmt.Sprintf("# A signing key of this server. Keep it secret, and keep it.\ned25519 %s %s\ncreated %d\n",
		v, base64.RawStdEncoding.EncodeToString(seed), now.UnixMilli())
	name := filepath.Join(dir, fmt.Sprintf("%d-%s.key", now.UnixMilli(), v))
	if err := writeDurably(name, text); err != nil {
		return Key{}, err
	}
	return Key{ID: "ed25519:" + v, Private: ed25519.NewKeyFromSeed(seed), Created: time.UnixMilli(now.UnixMilli())}, nil
}

func writeDurably(name, text string) error {
	f, err := os.OpenFile(name+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.WriteString(text); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	for _, dir := range []string{filepath.Dir(name), filepath.Dir(filepath.Dir(name))} {
		if err := syncFolder(dir); err != nil {
			return err
		}
	}
	return nil
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
