package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/config"
	"github.com/chancery-im/chancery/homeserver"
	"github.com/chancery-im/chancery/storage"
)

// serve runs the server until it is told to stop (SIGTERM or SIGINT).
func serve(p *program, args []string) error {
	o := p.options("serve")
	name := o.String("server-name", p.env(envServerName), "name of the server, at its first start only")
	if _, err := o.parse(args, 0); err != nil {
		return err
	}
	first := !exists(o.file())
	if first {
		if err := p.firstStart(o, *name); err != nil {
			return err
		}
	}
	cfg, err := o.load()
	if err != nil {
		return err
	}
	if *name != "" && *name != cfg.ServerName {
		return fmt.Errorf("%s says that this server is %s, not %s", o.file(), cfg.ServerName, *name)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	return p.runServer(ctx, cfg, o)
}

func (p *program) runServer(ctx context.Context, cfg *config.Config, o *options) error {
	log := newLog(cfg.Log)
	h, err := homeserver.New(ctx, cfg, homeserver.Options{Log: log})
	if errors.Is(err, storage.ErrLocked) {
		return fmt.Errorf("another process uses the data in %s", cfg.DataDir)
	}
	if err != nil {
		return err
	}
	run, err := h.Listen()
	if err != nil {
		return errors.Join(err, h.Close())
	}
	p.greet(cfg, run, o)
	err = run.Wait(ctx)
	log.Info("stopping")
	err = errors.Join(err, run.Stop())
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// greet tells where the server is and what to do next.
func (p *program) greet(cfg *config.Config, run *homeserver.Listening, o *options) {
	say := func(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }
	say("Chancery %s serves %s.", versionText(), cfg.ServerName)
	if a := run.Addr("client"); a != nil {
		say("  Clients connect to     http://%s", reachable(a))
	}
	if a := run.Addr("tls"); a != nil {
		say("  Clients connect to     https://%s", reachable(a))
	}
	say("  Make an account with   chancery user create NAME%s", o.again())
	switch cfg.Federation.Mode {
	case config.ModeOff:
		say("  Federation is off: no other server is talked to.")
	case config.ModeList:
		say("  Federation is on with %d listed servers.", len(cfg.Federation.Peers))
	default:
		say("  Federation is open to every server.")
	}
	say("  The configuration is   %s", o.file())
}

// again is the flags that a second command needs to find the same server.
func (o *options) again() string {
	s := ""
	o.Visit(func(f *flagValue) {
		if f.Name == "config" || f.Name == "data-dir" {
			s += " --" + f.Name + " " + f.Value.String()
		}
	})
	return s
}

// reachable is an address that a client on this machine can use.
func reachable(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("localhost", port)
	}
	return a.String()
}

func newLog(c config.Log) *logrus.Entry {
	l := logrus.New()
	l.SetOutput(os.Stderr)
	if level, err := logrus.ParseLevel(c.Level); err == nil {
		l.SetLevel(level)
	}
	if c.Format == "json" {
		l.SetFormatter(&logrus.JSONFormatter{})
	} else {
		l.SetFormatter(&logrus.TextFormatter{FullTimestamp: true, DisableColors: true})
	}
	return logrus.NewEntry(l)
}
