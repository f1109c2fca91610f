package powerloss

import (
	"os"
	"path/filepath"
	"testing"
)

// mounted is a disk that is shown in a folder until the test ends.
func mounted(t *testing.T, d *Disk, dir string) (unplug func()) {
	t.Helper()
	if _, err := os.Stat("/dev/fuse"); err != nil || os.Getuid() != 0 {
		t.Skip("FUSE: mounting a file system needs root and /dev/fuse")
	}
	srv, err := d.Mount(dir)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := srv.Unmount(); err != nil {
			t.Fatal(err)
		}
		srv.Wait()
	}
}

func write(t *testing.T, path, text string, sync bool) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if sync {
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
	}
}

func syncFolder(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
}

// Many seeds, because how much an accident spares is a matter of luck.
func TestOnlyWhatWasSyncedIsSureToSurvive(t *testing.T) {
	lost := 0
	for seed := range uint64(12) {
		d, dir := New(seed), t.TempDir()
		unplug := mounted(t, d, dir)
		write(t, filepath.Join(dir, "kept"), "synced", true)
		write(t, filepath.Join(dir, "named"), "", true)
		syncFolder(t, dir)
		write(t, filepath.Join(dir, "named"), "not synced", false)
		write(t, filepath.Join(dir, "nameless"), "synced, but not its name", true)
		unplug()
		d.Restore()
		unplug = mounted(t, d, dir)
		if got, err := os.ReadFile(filepath.Join(dir, "kept")); err != nil || string(got) != "synced" {
			t.Errorf("seed %d: what was synced is %q, %v", seed, got, err)
		}
		if got, _ := os.ReadFile(filepath.Join(dir, "named")); len(got) == 0 {
			lost++
		}
		unplug()
	}
	if lost == 0 {
		t.Error("nothing that was not synced was ever lost")
	}
}

func TestAfterTheCutNothingReachesTheDisk(t *testing.T) {
	d, dir := New(1), t.TempDir()
	unplug := mounted(t, d, dir)
	defer unplug()
	d.Cut()
	if err := os.WriteFile(filepath.Join(dir, "late"), nil, 0o600); err == nil {
		t.Error("a file was made without power")
	}
}
