package mailer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// office is a mail server that asks for a password, with or without TLS.
type office struct {
	port  int
	certs *x509.CertPool
	got   chan string
	rcpt  error
}

type desk struct {
	*office
	known bool
}

func (d *desk) Reset()                               {}
func (d *desk) Logout() error                        { return nil }
func (d *desk) Mail(string, *smtp.MailOptions) error { return d.ask() }
func (d *desk) Rcpt(string, *smtp.RcptOptions) error { return d.rcpt }
func (d *desk) AuthMechanisms() []string             { return []string{sasl.Plain} }

func (d *desk) ask() error {
	if !d.known {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (d *desk) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if d.known = user == "chancery" && password == "secret"; !d.known {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}

func (d *desk) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	d.got <- string(raw)
	return err
}

func opens(t *testing.T, secure, first bool) *office {
	t.Helper()
	o := &office{got: make(chan string, 1), certs: x509.NewCertPool()}
	// Its certificate is good for 127.0.0.1.
	web := httptest.NewTLSServer(nil)
	web.Close()
	o.certs.AddCert(web.Certificate())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.port = l.Addr().(*net.TCPAddr).Port
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &desk{office: o}, nil }))
	if secure {
		s.TLSConfig = &tls.Config{Certificates: web.TLS.Certificates}
	}
	if first {
		l = tls.NewListener(l, s.TLSConfig)
	}
	go s.Serve(l) //nolint:errcheck // ends with Close
	t.Cleanup(func() { s.Close() })
	return o
}

func (o *office) mailer(first bool, roots *x509.CertPool) *Mailer {
	var d net.Dialer
	return New(Options{Host: "127.0.0.1", Port: o.port, TLSFirst: first, User: "chancery", Password: "secret", RequireTLS: true,
		From: "Chancery <noreply@example.org>", Dial: d.DialContext, TLS: &tls.Config{RootCAs: roots}, Clock: time.Now})
}

var hello = Message{To: "anna@example.com", Subject: "Hello\r\nBcc: eve@example.com", Text: "hello", Unsubscribe: "https://example.org/u"}

func TestMailGoesOverTLSOnly(t *testing.T) {
	for _, first := range []bool{false, true} {
		o := opens(t, true, first)
		if err := o.mailer(first, o.certs).Send(t.Context(), hello); err != nil {
			t.Fatalf("TLS first %v: %v", first, err)
		}
		got := <-o.got
		for _, want := range []string{"To: <anna@example.com>", "List-Unsubscribe: <https://example.org/u>", "hello"} {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in %s", want, got)
			}
		}
		if strings.Contains(got, "\nBcc:") {
			t.Errorf("a subject became a header: %s", got)
		}
		if err := o.mailer(first, x509.NewCertPool()).Send(t.Context(), hello); err == nil || errors.Is(err, ErrRefused) {
			t.Errorf("a server that proves nothing: %v", err)
		}
	}
	o := opens(t, false, false)
	if err := o.mailer(false, o.certs).Send(t.Context(), hello); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("a server without TLS: %v", err)
	}
}

func TestWhatWillNeverBeTakenIsRefused(t *testing.T) {
	o := opens(t, true, false)
	for code, final := range map[int]bool{451: false, 550: true} {
		o.rcpt = &smtp.SMTPError{Code: code, Message: "no"}
		if err := o.mailer(false, o.certs).Send(t.Context(), hello); err == nil || errors.Is(err, ErrRefused) != final {
			t.Errorf("%d: %v", code, err)
		}
	}
	bad := hello
	bad.To = "nobody"
	if err := o.mailer(false, o.certs).Send(t.Context(), bad); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
}

func TestSendingEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := &office{port: l.Addr().(*net.TCPAddr).Port}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- o.mailer(false, nil).Send(ctx, hello) }()
	if _, err := l.Accept(); err != nil { // and says nothing
		t.Fatal(err)
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("it was sent")
	}
}
