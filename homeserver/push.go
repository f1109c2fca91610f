package homeserver

import (
	"context"
	"net/http"
	"time"

	"github.com/chancery-im/chancery/config"
	"github.com/chancery-im/chancery/internal/egress"
	"github.com/chancery-im/chancery/internal/notify"
	"github.com/chancery-im/chancery/push"
)

// gatewayTime bounds one request to a push gateway.
const gatewayTime = 20 * time.Second

// startPush sets the notifications in motion.
func (h *Homeserver) startPush(ctx context.Context, o Options, bell *notify.Bell) (err error) {
	h.push, err = push.Start(ctx, push.Options{DB: h.DB, Rooms: h.Rooms, Users: h.Users, Bell: bell, Clock: o.Clock, Rand: o.Rand, Log: o.Log,
		Client: h.gatewayClient(egress.Push()), Plain: h.gatewayClient(egress.PlainPush()), Off: h.Config.Push.Mode == config.ModeOff})
	return err
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
