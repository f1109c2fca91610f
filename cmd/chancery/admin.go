package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"syscall"

	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/config"
	"github.com/chancery-im/chancery/homeserver"
	"github.com/chancery-im/chancery/internal/egress"
	"github.com/chancery-im/chancery/storage"
)

// admin calls the administration API: of the running server, through the socket in
// its data folder, or, when none runs, of one that lives for this command.
type admin struct {
	client *http.Client
	close  func() error
}

func (p *program) admin(cfg *config.Config) (*admin, error) {
	a := &admin{client: egress.Unix(homeserver.Socket(cfg.DataDir)), close: func() error { return nil }}
	err := a.call(http.MethodGet, "/_chancery/admin/v1/health", nil, nil)
	if err == nil || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
		return a, err
	}
	log := logrus.New()
	log.SetOutput(p.err)
	log.SetLevel(logrus.WarnLevel)
	h, err := homeserver.New(context.Background(), cfg, homeserver.Options{Log: logrus.NewEntry(log), Idle: true})
	if errors.Is(err, storage.ErrLocked) {
		return nil, fmt.Errorf("another process uses the data in %s but does not answer on its socket; it may be starting or stopping", cfg.DataDir)
	}
	if err != nil {
		return nil, err
	}
	a.client, a.close = egress.Inside(h.Trusted), h.Close
	return a, nil
}

// call makes one request. An error of the server is its sentence.
func (a *admin) call(method, path string, body, into any) error {
	var send io.Reader = http.NoBody
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		send = bytes.NewReader(raw)
	}
	req, err := http.NewRequest(method, "http://chancery"+path, send)
	if err != nil {
		return err
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var e struct {
			Error string `json:"error"`
		}
		if json.NewDecoder(resp.Body).Decode(&e) != nil || e.Error == "" {
			return fmt.Errorf("the server answered %s", resp.Status)
		}
		return errors.New(e.Error)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}
