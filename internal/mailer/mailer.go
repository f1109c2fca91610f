// Package mailer hands mails to the operator's mail server, by SMTP with STARTTLS or
// TLS. It knows the way there and the form of a mail.
//
// It does not know what mails are about or whom they go to, queues nothing, and opens
// connections only by the dialer that it is given.
package mailer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	mail "github.com/wneessen/go-mail"
)

// ErrRefused: the mail server will never take this mail. It may take others.
var ErrRefused = errors.New("mailer: the mail was refused")

// Options are the way to the mail server.
type Options struct {
	Host           string
	Port           int
	TLSFirst       bool // TLS begins with the connection, and not by STARTTLS
	User, Password string
	RequireTLS     bool
	From           string
	Dial           func(ctx context.Context, network, addr string) (net.Conn, error)
	TLS            *tls.Config
	Clock          func() time.Time
}

// Mailer sends mails. It is safe for concurrent use.
type Mailer struct{ o Options }

// New makes a mailer. Nothing is connected yet.
func New(o Options) *Mailer { return &Mailer{o} }

// Message is a mail to one person.
type Message struct {
	To, Subject string
	Text, HTML  string
	// Unsubscribe is a URL where one POST ends these mails (RFC 8058); "" is none.
	Unsubscribe string
}

// sendTime bounds a connection.
const sendTime = 30 * time.Second

// Send hands one mail over. Its error wraps ErrRefused when there is no use in trying
// again.
func (m *Mailer) Send(ctx context.Context, msg Message) error {
	out, err := m.compose(msg)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	c, err := mail.NewClient(m.o.Host, m.options(ctx)...)
	if err != nil {
		return err
	}
	err = c.DialAndSendWithContext(ctx, out)
	var failed *mail.SendError
	if errors.As(err, &failed) && !failed.IsTemp() && about(failed.Reason) {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}

// about: what is wrong is in the mail or its address, and not on the way.
func about(r mail.SendErrReason) bool {
	switch r {
	case mail.ErrSMTPRcptTo, mail.ErrSMTPData, mail.ErrSMTPDataClose, mail.ErrGetRcpts, mail.ErrNoUnencoded:
		return true
	}
	return false
}

func (m *Mailer) options(ctx context.Context) []mail.Option {
	policy := mail.TLSOpportunistic
	if m.o.RequireTLS {
		policy = mail.TLSMandatory
	}
	list := []mail.Option{mail.WithPort(m.o.Port), mail.WithTimeout(sendTime), mail.WithTLSPolicy(policy), mail.WithTLSConfig(m.tls()),
		mail.WithDialContextFunc(func(dialing context.Context, network, addr string) (net.Conn, error) {
			return m.dial(ctx, dialing, network, addr)
		})}
	if m.o.TLSFirst {
		list = append(list, mail.WithSSL())
	}
	if m.o.User != "" {
		list = append(list, mail.WithUsername(m.o.User), mail.WithPassword(m.o.Password),
			mail.WithOpportunisticSMTPAuth(mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthPlain, mail.SMTPAuthLogin))
	}
	return list
}

func (m *Mailer) tls() *tls.Config {
	c := m.o.TLS.Clone()
	c.ServerName = m.o.Host
	return c
}

// dial opens the connection, and closes it when sending is given up.
func (m *Mailer) dial(sending, dialing context.Context, network, addr string) (net.Conn, error) {
	conn, err := m.o.Dial(dialing, network, addr)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(sending, func() { conn.Close() })
	if !m.o.TLSFirst {
		return conn, nil
	}
	secure := tls.Client(conn, m.tls())
	if err := secure.HandshakeContext(dialing); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

func (m *Mailer) compose(msg Message) (*mail.Msg, error) {
	out := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := out.From(m.o.From); err != nil {
		return nil, err
	}
	if err := out.To(msg.To); err != nil {
		return nil, err
	}
	out.Subject(msg.Subject)
	out.SetDateWithValue(m.o.Clock())
	out.SetMessageID()
	// No out-of-office answers (RFC 3834).
	out.SetGenHeader("Auto-Submitted", "auto-generated")
	if msg.Unsubscribe != "" {
		out.SetGenHeader(mail.HeaderListUnsubscribe, "<"+msg.Unsubscribe+">")
		out.SetGenHeader(mail.HeaderListUnsubscribePost, "List-Unsubscribe=One-Click")
	}
	out.SetBodyString(mail.TypeTextPlain, msg.Text)
	if msg.HTML != "" {
		out.AddAlternativeString(mail.TypeTextHTML, msg.HTML)
	}
	return out, nil
}
