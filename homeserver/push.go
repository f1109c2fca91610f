package homeserver

import (
	"context"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/chancery-im/chancery/clientapi"
	"github.com/chancery-im/chancery/config"
	"github.com/chancery-im/chancery/internal/egress"
	"github.com/chancery-im/chancery/internal/mailer"
	"github.com/chancery-im/chancery/internal/notify"
	"github.com/chancery-im/chancery/push"
)

// gatewayTime bounds one request to a push gateway.
const gatewayTime = 20 * time.Second

// startPush sets the notifications in motion.
func (h *Homeserver) startPush(ctx context.Context, o Options, bell *notify.Bell) (err error) {
	if o.Idle {
		return nil
	}
	h.push, err = push.Start(ctx, push.Options{DB: h.DB, Rooms: h.Rooms, Users: h.Users, Bell: bell, Clock: o.Clock, Rand: o.Rand, Log: o.Log,
		Client: h.gatewayClient(egress.Push()), Plain: h.gatewayClient(egress.PlainPush()), Off: h.Config.Push.Mode == config.ModeOff, Mail: h.mail(o.Clock)})
	return err
}

// tlsPort is where mail servers expect TLS from the first byte on.
const tlsPort = 465

// mail is the way to the operator's mail server, nil when there is none.
func (h *Homeserver) mail(clock func() time.Time) *push.Mail {
	c := h.Config.Mail
	if c.Host == "" {
		return nil
	}
	m := mailer.New(mailer.Options{Host: c.Host, Port: c.Port, TLSFirst: c.Port == tlsPort, User: c.User, Password: c.Password.Reveal(), RequireTLS: c.RequireTLS,
		From: c.From, Clock: clock, TLS: h.Egress.TLS(), Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return h.Egress.Dial(ctx, egress.Operator(), network, addr)
		}})
	base := strings.TrimSuffix(h.Config.WellKnown.Client, "/")
	if base == "" {
		base = "https://" + h.Config.ServerName
	}
	return &push.Mail{Send: m.Send, Server: h.Config.ServerName, Unsubscribe: func(pusher int64) string {
		return base + clientapi.UnsubscribePath + "?token=" + h.Users.UnsubscribeToken(pusher)
	}}
}

// gatewayClient keeps as many connections to a gateway as are used at a time: all
// phones of one kind are behind the same one.
func (h *Homeserver) gatewayClient(p egress.Purpose) *http.Client {
	c := h.Egress.Client(p, egress.Limits{Time: gatewayTime})
	if t, ok := c.Transport.(*http.Transport); ok {
		t.MaxIdleConnsPerHost = push.PerHost
	}
	return c
}

// rest ends what works in the background, before the database closes.
func (h *Homeserver) rest() {
	h.resting.Do(func() {
		if h.push != nil {
			h.push.Close()
		}
		if h.endTidy != nil {
			h.endTidy()
			<-h.tidied
		}
	})
}
