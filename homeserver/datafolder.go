package homeserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/internal/signingkeys"
)

// privateFolder shuts the data folder to others. One that is not there yet is made
// by storage, 0700 and durably.
func privateFolder(dir string, log *logrus.Entry) error {
	fi, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !fi.IsDir() || fi.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("others may enter the data folder (mode %#o), and it cannot be made 0700: %w", fi.Mode().Perm(), err)
	}
	log.Warnf("others could enter the data folder %s (mode %#o); it is 0700 now", dir, fi.Mode().Perm())
	return nil
}

// KeyFolder is where the signing keys of a data folder are.
func KeyFolder(dataDir string) string { return filepath.Join(dataDir, "signing_keys") }

// ownKeys loads the signing keys, and makes the first one. Where people have
// accounts but the key is gone, it refuses: with another key, other servers would
// not believe what this one says, and an old key cannot be told again.
func (h *Homeserver) ownKeys(ctx context.Context, random io.Reader) (signingkeys.Ring, error) {
	dir := KeyFolder(h.Config.DataDir)
	ring, err := signingkeys.Load(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return ring, err
	}
	people, err := h.Users.Accounts(ctx, "", 1)
	if err != nil {
		return nil, err
	}
	if len(people) > 0 {
		return nil, fmt.Errorf("there is data but no signing key in %s; put the folder of the backup back, or run \"chancery keys rotate --lost\" if it is lost for good", dir)
	}
	if _, err := signingkeys.Add(dir, h.clock(), random); err != nil {
		return nil, err
	}
	return signingkeys.Load(dir)
}
