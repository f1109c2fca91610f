package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/chancery-im/chancery/config"
	"github.com/chancery-im/chancery/homeserver"
	"github.com/chancery-im/chancery/internal/signingkeys"
)

// verdict is what one look found.
type verdict struct {
	ok   bool
	warn bool
	text string
}

func good(format string, a ...any) verdict { return verdict{ok: true, text: fmt.Sprintf(format, a...)} }
func doubt(format string, a ...any) verdict {
	return verdict{warn: true, text: fmt.Sprintf(format, a...)}
}
func bad(format string, a ...any) verdict { return verdict{text: fmt.Sprintf(format, a...)} }

// doctor looks everything over, and fails when the server could not run well.
func doctor(p *program, args []string) error {
	o := p.options("doctor")
	if _, err := o.parse(args, 0); err != nil {
		return err
	}
	cfg, err := o.load()
	if err != nil {
		fmt.Fprintf(p.out, "BAD   configuration: %v\n", err)
		return errShown
	}
	fmt.Fprintf(p.out, "ok    configuration: %s\n", o.file())
	sick := false
	for _, look := range []struct {
		name string
		at   func(*program, *config.Config) verdict
	}{
		{"data folder", lookFolder}, {"signing keys", lookKeys}, {"database", lookDatabase},
		{"disk space", lookDisk}, {"file system", lookFileSystem}, {"clock", lookClock}, {"open files", lookFiles},
	} {
		v := look.at(p, cfg)
		word := "BAD "
		if v.ok {
			word = "ok  "
		} else if v.warn {
			word = "warn"
		}
		sick = sick || !v.ok && !v.warn
		fmt.Fprintf(p.out, "%s  %s: %s\n", word, look.name, v.text)
	}
	if sick {
		return errShown
	}
	return nil
}

func lookFolder(_ *program, cfg *config.Config) verdict {
	fi, err := os.Stat(cfg.DataDir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return good("%s will be made at the first start", cfg.DataDir)
	case err != nil:
		return bad("%v", err)
	case !fi.IsDir():
		return bad("%s is not a folder", cfg.DataDir)
	case fi.Mode().Perm()&0o077 != 0:
		return bad("%s can be entered by others (mode %#o); make it 0700", cfg.DataDir, fi.Mode().Perm())
	}
	return good("%s is for its owner only", cfg.DataDir)
}

func lookKeys(_ *program, cfg *config.Config) verdict {
	ring, err := signingkeys.Load(homeserver.KeyFolder(cfg.DataDir))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if exists(filepath.Join(cfg.DataDir, "chancery.db")) {
			return bad("there is data but no signing key; put the key folder of the backup back")
		}
		return good("one will be made at the first start")
	case err != nil:
		return bad("%v", err)
	}
	return good("%s signs, %d older stay published", ring.Current().ID, len(ring.Old()))
}

// lookDatabase asks the running server, which checked its database when it opened
// it; otherwise it opens the database, which checks the same.
func lookDatabase(p *program, cfg *config.Config) verdict {
	if !exists(cfg.DataDir) {
		return good("it will be made at the first start")
	}
	a, err := p.admin(cfg)
	if err != nil {
		return bad("%v", err)
	}
	if err := a.close(); err != nil {
		return bad("%v", err)
	}
	return good("it opens, and keeps what it acknowledges")
}

const (
	tooLittle = 200 << 20
	little    = 2 << 30
)

func lookDisk(_ *program, cfg *config.Config) verdict {
	var st syscall.Statfs_t
	if err := syscall.Statfs(nearest(cfg.DataDir), &st); err != nil {
		return bad("%v", err)
	}
	free := st.Bavail * uint64(st.Bsize)
	switch {
	case free < tooLittle:
		return bad("only %d MiB are free", free>>20)
	case free < little:
		return doubt("only %d MiB are free", free>>20)
	}
	return good("%d GiB are free", free>>30)
}

// nearest is the first folder upwards that exists.
func nearest(dir string) string {
	for !exists(dir) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
	}
	return dir
}

// remote are file systems on which neither locks nor flushes can be relied on.
var remote = map[int64]string{0x6969: "NFS", 0xff534d42: "CIFS", 0xfe534d42: "SMB", 0x01021997: "9p"}

func lookFileSystem(_ *program, cfg *config.Config) verdict {
	var st syscall.Statfs_t
	if err := syscall.Statfs(nearest(cfg.DataDir), &st); err != nil {
		return bad("%v", err)
	}
	if name, ok := remote[int64(uint32(st.Type))]; ok {
		if cfg.Database.URI == "" {
			return bad("the data folder is on %s, which does not keep SQLite safe; use a local disk or PostgreSQL", name)
		}
		return doubt("the data folder is on %s", name)
	}
	return good("it is local")
}

func lookClock(_ *program, cfg *config.Config) verdict {
	now := time.Now()
	for _, name := range []string{"lock", "chancery.db", "chancery.db-wal"} {
		if fi, err := os.Stat(filepath.Join(cfg.DataDir, name)); err == nil && fi.ModTime().Sub(now) > 5*time.Minute {
			return bad("it says %s, but %s was written at %s: the clock was set back", now.UTC().Format(time.RFC3339), name, fi.ModTime().UTC().Format(time.RFC3339))
		}
	}
	const unsynchronised = 0x40 // STA_UNSYNC of adjtimex(2)
	var t syscall.Timex
	if _, err := syscall.Adjtimex(&t); err == nil && t.Status&unsynchronised != 0 {
		return doubt("%s, but the system does not say that it is synchronised", now.UTC().Format(time.RFC3339))
	}
	return good("%s", now.UTC().Format(time.RFC3339))
}

func lookFiles(*program, *config.Config) verdict {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return bad("%v", err)
	}
	if l.Max < 8192 {
		return doubt("at most %d, so that about %d clients can wait at once; raise the limit (LimitNOFILE=)", l.Max, l.Max*9/10)
	}
	return good("at most %d", l.Max)
}
