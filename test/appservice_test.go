package test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chancery-im/chancery/config"
	"github.com/chancery-im/chancery/homeserver"
	"github.com/chancery-im/chancery/storage/storagetest"
)

const bridgeFile = `
id: irc
url: null
as_token: the-bridge-and-nobody-else
hs_token: the-server-and-nobody-else
sender_localpart: ircbot
namespaces:
  users: [{exclusive: true, regex: "@_irc_.*:example\\.org"}]
`

func TestAnApplicationServiceFromAFileLogsItsUsersIn(t *testing.T) {
	storagetest.EachPlace(t, func(t *testing.T, p storagetest.Place) {
		file := filepath.Join(t.TempDir(), "irc.yaml")
		if err := os.WriteFile(file, []byte(bridgeFile), 0o600); err != nil {
			t.Fatal(err)
		}
		s := serveAs(t, p, homeserver.Options{}, func(c *config.Config) { c.AppServices.Files = []string{file} })
		const token = "the-bridge-and-nobody-else"
		body := func(kind, user string) map[string]any {
			return map[string]any{"type": kind, "username": user, "identifier": map[string]string{"type": "m.id.user", "user": user}}
		}
		const service = "m.login.application_service"
		s.call(token, "POST", clientPath+"/register", body(service, "_irc_bob")).ok(nil)
		s.call(token, "POST", clientPath+"/register", body(service, "carol")).refused(400, "M_EXCLUSIVE")
		var out struct {
			User  string `json:"user_id"`
			Token string `json:"access_token"`
		}
		s.call(token, "POST", clientPath+"/login", body(service, "_irc_bob")).ok(&out)
		bob := &person{s: s, id: out.User, token: out.Token}
		s.is("who that is", bob.id, "@_irc_bob:example.org")
		room := bob.creates(map[string]any{})
		bob.says(room, "from afar")
		s.call("another", "POST", clientPath+"/login", body(service, "_irc_bob")).refused(403, "M_FORBIDDEN")
		s.call("", "POST", clientPath+"/register", map[string]any{"username": "ircbot", "password": "correct horse",
			"auth": map[string]string{"type": "m.login.dummy"}}).refused(400, "M_EXCLUSIVE")
	})
}
