package homeserver

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/chancery-im/chancery/internal/signingkeys"
)

// privateFolder refuses a data folder that others may enter. One that is not there
// yet is made by storage, 0700 and durably.
func privateFolder(dir string) error {
	fi, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if fi.IsDir() && fi.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s: others may enter the data folder (mode %#o); make it 0700", dir, fi.Mode().Perm())
	}
	return nil
}

// KeyFolder is where the signing keys of a data folder are.
func KeyFolder(dataDir string) string { return filepath.Join(dataDir, "signing_keys") }

// ownKeys loads the signing keys, and makes the first one.
func ownKeys(dataDir string, clock func() time.Time, random io.Reader) (signingkeys.Ring, error) {
	dir := KeyFolder(dataDir)
	ring, err := signingkeys.Load(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := signingkeys.Add(dir, clock(), random); err != nil {
			return nil, err
		}
		return signingkeys.Load(dir)
	}
	return ring, err
}
