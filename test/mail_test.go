package test

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/chancery-im/chancery/config"
	"github.com/chancery-im/chancery/homeserver"
	"github.com/chancery-im/chancery/storage/storagetest"
)

// mailServer is a real mail server on this machine.
type mailServer struct {
	t    *testing.T
	port int
	got  chan letter

	mu      sync.Mutex
	answers []error // to the next mails; none left: all is well
}

// letter is a mail that came in.
type letter struct {
	to, subject, text, html string
	header                  mail.Header
}

func opensMailServer(t *testing.T) *mailServer {
	m := &mailServer{t: t, got: make(chan letter, 100)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.port = l.Addr().(*net.TCPAddr).Port
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &mailSession{m: m}, nil }))
	go s.Serve(l) //nolint:errcheck // ends with Close
	t.Cleanup(func() { s.Close() })
	return m
}

type mailSession struct {
	m  *mailServer
	to string
}

func (s *mailSession) Reset()                               {}
func (s *mailSession) Logout() error                        { return nil }
func (s *mailSession) Mail(string, *smtp.MailOptions) error { return nil }

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if len(s.m.answers) == 0 {
		return nil
	}
	err := s.m.answers[0]
	if s.m.answers = s.m.answers[1:]; err != nil {
		s.m.got <- letter{to: to, subject: "refused"}
	}
	return err
}

func (s *mailSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		s.m.t.Errorf("%v in %s", err, raw)
		return err
	}
	got := letter{to: s.to, header: msg.Header}
	got.subject, _ = new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	_, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil {
		s.m.t.Error(err)
	}
	parts := multipart.NewReader(msg.Body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err != nil {
			break
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			s.m.t.Error(err)
		}
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			got.html = string(body)
		} else {
			got.text = strings.ReplaceAll(string(body), "\r\n", "\n")
		}
	}
	s.m.got <- got
	return nil
}

// next waits for the next mail, while the clock goes on.
func (m *mailServer) next(c *movedClock, s *server, p *person) letter {
	m.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		select {
		case l := <-m.got:
			return l
		default:
			c.advance(10 * time.Second)
			// What happens makes the worker look at the clock.
			p.call("PUT", "/user/"+p.id+"/account_data/clock", map[string]any{}).ok(nil)
		}
	}
	m.t.Fatal("no mail came")
	return letter{}
}

// eachMailing tells a story of a server with a mail server and a clock.
func eachMailing(t *testing.T, story func(s *server, m *mailServer, c *movedClock)) {
	storagetest.EachPlace(t, func(t *testing.T, p storagetest.Place) {
		clock := &movedClock{}
		clock.ms.Store(time.Now().UnixMilli())
		m := opensMailServer(t)
		story(serveAs(t, p, homeserver.Options{Clock: clock.now}, func(cfg *config.Config) {
			cfg.Mail.Host, cfg.Mail.Port, cfg.Mail.RequireTLS, cfg.Mail.From = "127.0.0.1", m.port, false, "Chancery <noreply@example.org>"
			cfg.WellKnown.Client = "https://matrix.example.org/"
		}), m, clock)
	})
}

func mailPusher(address string) map[string]any {
	return map[string]any{"kind": "email", "app_id": "m.email", "pushkey": address, "app_display_name": "Mail", "device_display_name": address,
		"lang": "en", "data": map[string]any{"brand": "x"}}
}

// mailed makes a room of two in which one writes and the other gets mail.
func mailed(s *server) (writer, reader *person, room string) {
	s.t.Helper()
	anna, ben := s.registers("anna"), s.registers("ben")
	if err := s.h.Users.AddEmail(s.t.Context(), ben.id, "Ben@example.com"); err != nil {
		s.t.Fatal(err)
	}
	room = anna.creates(map[string]any{"preset": "public_chat", "name": "Staff <1>"})
	ben.joins(room)
	ben.setsPusher(mailPusher("ben@Example.com")).ok(nil)
	return anna, ben, room
}

func TestUnreadMessagesComeByMail(t *testing.T) {
	eachMailing(t, func(s *server, m *mailServer, c *movedClock) {
		anna, ben, room := mailed(s)
		began := c.now()
		read := anna.says(room, "this one is read")
		ben.call("POST", "/rooms/"+room+"/receipt/m.read/"+read, map[string]any{}).ok(nil)
		anna.says(room, "this <b>one</b> is not")
		anna.sends(room, "m.room.message", map[string]any{"msgtype": "m.image", "body": "cat.png", "url": "mxc://example.org/a"})
		l := m.next(c, s, anna)
		if waited := c.now().Sub(began); waited < 10*time.Minute {
			t.Errorf("it came after %v", waited)
		}
		s.is("to whom", l.to, "ben@example.com")
		s.is("about what", l.subject, "[example.org] 2 unread messages in Staff <1>")
		if !strings.Contains(l.text, "anna: this <b>one</b> is not") || !strings.Contains(l.text, "anna: sent a picture") || strings.Contains(l.text, "is read") {
			t.Errorf("the text: %s", l.text)
		}
		if !strings.Contains(l.html, "this &lt;b&gt;one&lt;/b&gt; is not") || !strings.Contains(l.html, "Staff &lt;1&gt;") {
			t.Errorf("the page: %s", l.html)
		}
		s.is("not to be answered by programs", l.header.Get("Auto-Submitted"), "auto-generated")
	})
}

func TestAnEncryptedRoomSaysNothingByMail(t *testing.T) {
	eachMailing(t, func(s *server, m *mailServer, c *movedClock) {
		anna, _, room := mailed(s)
		anna.sets(room, "m.room.encryption", "", map[string]any{"algorithm": "m.megolm.v1.aes-sha2"}).ok(nil)
		anna.says(room, "by mistake in the open")
		anna.sends(room, "m.room.encrypted", map[string]any{"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AAAA"})
		l := m.next(c, s, anna)
		s.is("what is told", strings.Count(l.text, "anna: sent an encrypted message"), 2)
		s.is("what is not", strings.Contains(l.text+l.html, "by mistake"), false)
	})
}

func TestMailsOfABusyRoomBecomeRare(t *testing.T) {
	eachMailing(t, func(s *server, m *mailServer, c *movedClock) {
		anna, _, room := mailed(s)
		var pauses []time.Duration
		for range 4 {
			began := c.now()
			anna.says(room, "again")
			m.next(c, s, anna)
			pauses = append(pauses, c.now().Sub(began).Round(10*time.Minute))
		}
		s.is("pauses", pauses, []time.Duration{10 * time.Minute, 10 * time.Minute, 20 * time.Minute, 40 * time.Minute})
		c.advance(13 * time.Hour)
		began := c.now()
		anna.says(room, "after a quiet night")
		m.next(c, s, anna)
		s.is("after a quiet night", c.now().Sub(began).Round(10*time.Minute), 10*time.Minute)
	})
}

func TestAMailThatIsNotTakenNowIsSentLater(t *testing.T) {
	eachMailing(t, func(s *server, m *mailServer, c *movedClock) {
		anna, _, room := mailed(s)
		m.mu.Lock()
		m.answers = []error{&smtp.SMTPError{Code: 451, Message: "not now"}, nil, &smtp.SMTPError{Code: 550, Message: "never"}}
		m.mu.Unlock()
		anna.says(room, "one")
		s.is("first", m.next(c, s, anna).subject, "refused")
		l := m.next(c, s, anna)
		s.is("then", l.subject, "[example.org] 1 unread message in Staff <1>")
		anna.says(room, "two")
		s.is("what is never taken", m.next(c, s, anna).subject, "refused")
		anna.says(room, "three")
		l = m.next(c, s, anna)
		s.is("is not sent again", strings.Contains(l.text, "two"), false)
		s.is("what comes after it is", strings.Contains(l.text, "three"), true)
	})
}

func TestMailsAreEndedByTheirLink(t *testing.T) {
	eachMailing(t, func(s *server, m *mailServer, c *movedClock) {
		anna, ben, room := mailed(s)
		anna.says(room, "hello")
		l := m.next(c, s, anna)
		link := strings.Trim(l.header.Get("List-Unsubscribe"), "<>")
		s.is("by one click", l.header.Get("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click")
		path, ours := strings.CutPrefix(link, "https://matrix.example.org")
		if !ours || !strings.Contains(l.text, link) || !strings.Contains(l.html, `"`+link+`"`) {
			t.Fatalf("the link %q in %s", link, l.text)
		}
		page := s.call("", "GET", path, nil)
		s.is("the page", page.code == 200 && strings.Contains(string(page.body), "<button"), true)
		s.is("looking at it ends nothing", ben.keys(), "ben@example.com")
		at, err := url.Parse(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"", "1.x", "99999999999999999999.a", at.Query().Get("token") + "x"} {
			s.call("", "POST", at.Path+"?token="+url.QueryEscape(bad), nil).refused(403, "M_FORBIDDEN")
		}
		s.call("", "POST", path, "List-Unsubscribe=One-Click").ok(nil)
		s.is("afterwards", ben.keys(), "")
		s.call("", "POST", path, nil).ok(nil)
	})
}

func TestMailGoesOnlyToOnesOwnAddresses(t *testing.T) {
	eachMailing(t, func(s *server, _ *mailServer, _ *movedClock) {
		anna, ben, _ := mailed(s)
		anna.setsPusher(mailPusher("ben@example.com")).refused(400, "M_THREEPID_NOT_FOUND")
		anna.setsPusher(mailPusher("anna@example.com")).refused(400, "M_THREEPID_NOT_FOUND")
		anna.setsPusher(mailPusher("ben@example.com"), "app_id", "com.example").refused(400, "M_INVALID_PARAM")
		var out struct {
			List []struct{ Medium, Address string } `json:"threepids"`
		}
		ben.call("GET", "/account/3pid", nil).ok(&out)
		s.is("his addresses", out.List, "[{email ben@example.com}]")
		ben.call("POST", "/account/3pid/delete", map[string]string{"medium": "email", "address": "ben@example.com"}).refused(403, "M_FORBIDDEN")
		if err := s.h.Users.RemoveEmail(t.Context(), ben.id, "ben@example.com"); err != nil {
			t.Fatal(err)
		}
		s.is("his pushers once he has none", ben.keys(), "")
	})
}

func TestAServerWithoutMailSendsNone(t *testing.T) {
	each(t, func(s *server) {
		ben := s.registers("ben")
		if err := s.h.Users.AddEmail(t.Context(), ben.id, "ben@example.com"); err != nil {
			t.Fatal(err)
		}
		ben.setsPusher(mailPusher("ben@example.com")).refused(403, "M_FORBIDDEN")
	})
}
