package signingkeys

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTheNewestKeySignsAndTheOthersExpireWhenItCame(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	if _, err := Load(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("an empty folder: %v", err)
	}
	var ids []string
	for i := range 3 {
		k, err := Add(dir, time.UnixMilli(int64(1000*(i+1))), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, k.ID)
	}
	ring, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if ring.Current().ID != ids[2] || len(ring.Old()) != 2 || !ring.Current().Expired.IsZero() {
		t.Errorf("current %s of %v", ring.Current().ID, ids)
	}
	for i, want := range []int64{3000, 2000} {
		if got := ring.Old()[i].Expired.UnixMilli(); got != want {
			t.Errorf("old key %d expired at %d, want %d", i, got, want)
		}
	}
}

func TestHardening_O08_AKeyThatOthersCanReadStopsTheStart(t *testing.T) {
	dir := t.TempDir()
	if _, err := Add(dir, time.UnixMilli(1), rand.Reader); err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(filepath.Join(dir, "*.key"))
	for _, mode := range []os.FileMode{0o644, 0o640, 0o660, 0o604} {
		if err := os.Chmod(names[0], mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "0600") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}

func TestHardening_O08_AKeyThatThePublicKnowsStopsTheStart(t *testing.T) {
	for _, seed := range []string{published[0], strings.Repeat("A", 43)} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a.key"), []byte("ed25519 1 "+seed+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "known to the public") {
			t.Errorf("%s: %v", seed, err)
		}
	}
}

func TestADamagedFileStopsTheStart(t *testing.T) {
	for _, text := range []string{"", "ed25519 1\n", "ed25519 1 abc\n", "rsa 1 x\n", "ed25519 a:b " + strings.Repeat("B", 43) + "\n", "created x\n"} {
		if _, err := parse([]byte(text)); err == nil {
			t.Errorf("%q passes", text)
		}
	}
}
