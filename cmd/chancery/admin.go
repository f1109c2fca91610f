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
	h, err := homeserver.New(context.Background(), cfg, homeserver.Options{Log: logrus.NewEntry(log)})
	if errors.Is(err, storage.ErrLocked) {
		return nil, fmt.Errorf("another process uses the data in %s but does not answer on its socket; it may be starting or stopping", cfg.DataDir)
	}
	if err != nil {
		return nil, err
	}
	a.client, a.close = &http.Client{Transport: inside{h.Trusted}}, h.Close
	return a, nil
}

// inside is a transport without a network: the handler is called as it is.
type inside struct{ h http.Handler }

func (t inside) RoundTrip(r *http.Request) (*http.Response, error) {
	w := &heard{header: http.Header{}, code: http.StatusOK}
	t.h.ServeHTTP(w, r)
	return &http.Response{StatusCode: w.code, Status: http.StatusText(w.code), Header: w.header, Body: io.NopCloser(&w.body), Request: r}, nil
}

// heard is an answer that is kept.
type heard struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (w *heard) Header() http.Header         { return w.header }
func (w *heard) WriteHeader(code int)        { w.code = code }
func (w *heard) Write(b []byte) (int, error) { return w.body.Write(b) }

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
