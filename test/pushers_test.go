package test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chancery-im/chancery/config"
	"github.com/chancery-im/chancery/homeserver"
	"github.com/chancery-im/chancery/storage/storagetest"
)

// eachPushing tells a story of servers that send notifications to whichever gateway
// an app names, on this machine too.
func eachPushing(t *testing.T, story func(s *server)) {
	storagetest.EachPlace(t, func(t *testing.T, p storagetest.Place) {
		story(serveAs(t, p, homeserver.Options{}, pushing))
	})
}

func pushing(cfg *config.Config) {
	cfg.Push.Mode = config.ModeOpen
	cfg.Egress.AllowNetworks = []string{"127.0.0.1"}
}

const gatewayURL = "https://push.example.com/_matrix/push/v1/notify"

// pusher is what an app sends to be told of notifications.
func pusher(key, url string) map[string]any {
	return map[string]any{"kind": "http", "app_id": "com.example.app", "pushkey": key, "app_display_name": "App", "device_display_name": "Phone",
		"lang": "en", "profile_tag": "tag", "data": map[string]any{"url": url, "mine": "kept"}}
}

func (p *person) setsPusher(body map[string]any, more ...any) answer {
	p.s.t.Helper()
	for i := 0; i+1 < len(more); i += 2 {
		body[more[i].(string)] = more[i+1]
	}
	return p.call("POST", "/pushers/set", body)
}

type pusherOf struct {
	Key     string `json:"pushkey"`
	Kind    string
	App     string `json:"app_id"`
	Name    string `json:"app_display_name"`
	Tag     string `json:"profile_tag"`
	Enabled bool   `json:"org.matrix.msc3881.enabled"`
	Device  string `json:"org.matrix.msc3881.device_id"`
	Data    map[string]any
}

func (p *person) pushers() []pusherOf {
	p.s.t.Helper()
	var out struct{ Pushers []pusherOf }
	p.call("GET", "/pushers", nil).ok(&out)
	return out.Pushers
}

// keys are the pushkeys of the person's pushers.
func (p *person) keys() string {
	p.s.t.Helper()
	var out []string
	for _, one := range p.pushers() {
		out = append(out, one.Key)
	}
	return strings.Join(out, " ")
}

func TestPushersAreSetReadAndRemoved(t *testing.T) {
	eachPushing(t, func(s *server) {
		anna := s.registers("anna")
		s.is("pushers at first", anna.keys(), "")
		anna.setsPusher(pusher("one", gatewayURL)).ok(nil)
		anna.setsPusher(pusher("two", gatewayURL), "org.matrix.msc3881.enabled", false).ok(nil)
		anna.setsPusher(pusher("one", gatewayURL), "app_display_name", "Other").ok(nil)
		s.is("pushers", anna.keys(), "one two")
		one, two := anna.pushers()[0], anna.pushers()[1]
		s.is("what was set", fmt.Sprint(one.Kind, one.App, one.Name, one.Tag, one.Enabled, one.Device), fmt.Sprint("http", "com.example.app", "Other", "tag", true, anna.device))
		s.is("data", fmt.Sprint(one.Data), fmt.Sprint(map[string]any{"url": gatewayURL, "mine": "kept"}))
		s.is("a disabled one", two.Enabled, false)
		anna.call("POST", "/pushers/set", map[string]any{"kind": nil, "app_id": "com.example.app", "pushkey": "one"}).ok(nil)
		anna.call("POST", "/pushers/set", map[string]any{"kind": nil, "app_id": "com.example.app", "pushkey": "none"}).ok(nil)
		anna.call("POST", "/pushers/set", map[string]any{"kind": nil, "app_id": "com.example.app", "pushkey": "a\x00b"}).ok(nil)
		s.is("what is left", anna.keys(), "two")
	})
}

func TestADeviceThatChangesHandsLosesItsPusher(t *testing.T) {
	eachPushing(t, func(s *server) {
		anna, ben := s.registers("anna"), s.registers("ben")
		anna.setsPusher(pusher("phone", gatewayURL)).ok(nil)
		ben.setsPusher(pusher("phone", gatewayURL), "append", true).ok(nil)
		s.is("hers, beside his", anna.keys(), "phone")
		ben.setsPusher(pusher("phone", gatewayURL), "append", false).ok(nil)
		s.is("hers", anna.keys(), "")
		s.is("his", ben.keys(), "phone")
	})
}

func TestPushersGoWithTheirDevice(t *testing.T) {
	eachPushing(t, func(s *server) {
		anna := s.registers("anna")
		anna.setsPusher(pusher("first", gatewayURL)).ok(nil)
		phone, tablet := anna.onAnother("PHONE"), anna.onAnother("TABLET")
		phone.setsPusher(pusher("phone", gatewayURL)).ok(nil)
		tablet.setsPusher(pusher("tablet", gatewayURL)).ok(nil)
		phone.call("POST", "/logout", map[string]any{}).ok(nil)
		s.is("after one logs out", anna.keys(), "first tablet")
		auth := map[string]any{"type": "m.login.password", "identifier": map[string]string{"type": "m.id.user", "user": anna.id}, "password": "correct horse"}
		anna.call("POST", "/account/password", map[string]any{"new_password": "a better horse", "logout_devices": false, "auth": auth}).ok(nil)
		s.is("after the password changed on the first device", anna.keys(), "first")
	})
}

// onAnother logs the person in on another device.
func (p *person) onAnother(device string) *person {
	p.s.t.Helper()
	var out struct {
		Token string `json:"access_token"`
	}
	p.s.call("", "POST", clientPath+"/login", map[string]any{"type": "m.login.password", "device_id": device, "password": "correct horse",
		"identifier": map[string]string{"type": "m.id.user", "user": p.id}}).ok(&out)
	return &person{s: p.s, id: p.id, token: out.Token, device: device}
}

func TestBadPushersAreRefused(t *testing.T) {
	eachPushing(t, func(s *server) {
		anna := s.registers("anna")
		for _, key := range []string{"kind", "app_id", "pushkey", "app_display_name", "device_display_name", "lang", "data"} {
			body := pusher("k", gatewayURL)
			delete(body, key)
			anna.setsPusher(body).refused(400, "M_MISSING_PARAM")
		}
		for _, bad := range [][2]any{{"app_id", strings.Repeat("a", 65)}, {"pushkey", strings.Repeat("k", 513)}, {"kind", "smoke"}, {"pushkey", ""}, {"lang", "a\x00b"}} {
			anna.setsPusher(pusher("k", gatewayURL), bad[0], bad[1]).refused(400, "M_INVALID_PARAM")
		}
		for _, bad := range [][2]any{{"data", "text"}, {"kind", 7}, {"append", "yes"}} {
			anna.setsPusher(pusher("k", gatewayURL), bad[0], bad[1]).refused(400, "M_BAD_JSON")
		}
		anna.setsPusher(pusher("k", gatewayURL), "data", map[string]any{}).refused(400, "M_MISSING_PARAM")
		for _, url := range []string{"https://push.example.com/", "https://push.example.com/_matrix/push/v1/notify/", "ftp://push.example.com/_matrix/push/v1/notify",
			"https://a@push.example.com/_matrix/push/v1/notify", "https:///_matrix/push/v1/notify", "/_matrix/push/v1/notify", "%zz"} {
			anna.setsPusher(pusher("k", url)).refused(400, "M_INVALID_PARAM")
		}
		s.is("pushers", anna.keys(), "")
		for i := range 100 {
			anna.setsPusher(pusher(fmt.Sprint(i), gatewayURL)).ok(nil)
		}
		anna.setsPusher(pusher("one more", gatewayURL)).refused(400, "M_TOO_LARGE")
		anna.setsPusher(pusher("7", gatewayURL)).ok(nil)
	})
}

func TestHardening_O03_APusherMayNotLeadInward(t *testing.T) {
	eachPushing(t, func(s *server) {
		anna := s.registers("anna")
		for _, host := range []string{"[::1]", "0.0.0.0", "[::]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00::]", "100.64.0.1", "169.254.169.254",
			"[fe80::1%25eth0]", "[fec0::1]", "2130706433", "0x7f000001", "127.0.0.2"} {
			anna.setsPusher(pusher("k", "https://"+host+"/_matrix/push/v1/notify")).refused(403, "M_FORBIDDEN")
		}
		s.is("pushers", anna.keys(), "")
	})
}

func TestHardening_O01_AFreshServerTakesNoPushers(t *testing.T) {
	each(t, func(s *server) {
		anna := s.registers("anna")
		anna.setsPusher(pusher("k", gatewayURL)).refused(403, "M_FORBIDDEN")
		s.is("pushers", anna.keys(), "")
	})
}
