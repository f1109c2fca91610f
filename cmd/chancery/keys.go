package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"text/tabwriter"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/homeserver"
	"github.com/chancery-im/chancery/internal/signingkeys"
	"github.com/chancery-im/chancery/storage"
)

// keysRotate makes a new signing key. The server must not run: it would go on
// signing with a key that others take for expired.
func keysRotate(p *program, args []string) error {
	o := p.options("keys rotate")
	lost := o.Bool("lost", false, "make a key although all of before are lost; other servers may have to forget this one first")
	if _, err := o.parse(args, 0); err != nil {
		return err
	}
	cfg, err := o.load()
	if err != nil {
		return err
	}
	dir := homeserver.KeyFolder(cfg.DataDir)
	if _, err := signingkeys.Load(dir); *lost && errors.Is(err, fs.ErrNotExist) {
		k, err := signingkeys.Add(dir, time.Now(), rand.Reader)
		if err == nil {
			fmt.Fprintf(p.out, "%s signs from the next start on.\n", k.ID)
		}
		return err
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	h, err := homeserver.New(context.Background(), cfg, homeserver.Options{Log: logrus.NewEntry(log)})
	if errors.Is(err, storage.ErrLocked) {
		return errors.New("the server is running; stop it, rotate, and start it again")
	}
	if err != nil {
		return err
	}
	return errors.Join(p.rotate(h.Keys.Current(), dir), h.Close())
}

func (p *program) rotate(old signingkeys.Key, dir string) error {
	now := time.Now()
	if !now.After(old.Created) {
		return fmt.Errorf("the clock says %s, but the newest key was made at %s; set the clock first", now.Format(time.RFC3339), old.Created.Format(time.RFC3339))
	}
	k, err := signingkeys.Add(dir, now, rand.Reader)
	if err == nil {
		fmt.Fprintf(p.out, "%s signs from the next start on; %s stays published as an old key.\n", k.ID, old.ID)
	}
	return err
}

// keysList prints the signing keys, the newest first.
func keysList(p *program, args []string) error {
	o := p.options("keys list")
	if _, err := o.parse(args, 0); err != nil {
		return err
	}
	cfg, err := o.load()
	if err != nil {
		return err
	}
	ring, err := signingkeys.Load(homeserver.KeyFolder(cfg.DataDir))
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tPUBLIC\tMADE\tEXPIRED")
	for _, k := range ring {
		expired := "signs"
		if !k.Expired.IsZero() {
			expired = k.Expired.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.ID, k.Public(), k.Created.UTC().Format(time.RFC3339), expired)
	}
	return w.Flush()
}
