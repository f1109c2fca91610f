package userserver_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/internal/pushrules"
	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/storage/storagetest"
	"github.com/chancery-im/chancery/userserver"
)

func TestANameIsGivenOnce(t *testing.T) {
	each(t, func(t *town) {
		alice := t.register("alice")
		again := userserver.NewAccount{Localpart: "alice", Password: password}
		_, err := t.users.Register(ctx, again)
		t.refused(err, "M_USER_IN_USE")
		t.refused(t.users.Available(ctx, "alice"), "M_USER_IN_USE")
		t.must(t.users.Deactivate(ctx, alice, true))
		_, err = t.users.Register(ctx, again)
		t.refused(err, "M_USER_IN_USE")
		t.must(t.users.Available(ctx, "bob"))
	})
}

func TestNamesThatNobodyMayHave(t *testing.T) {
	w := newTown(t, storagetest.SQLite(t))
	w.users = userserver.New(userserver.Options{DB: w.db, ServerName: storagetest.ServerName, Clock: w.clock.now, Log: quiet(),
		Exclusive: func(user string) bool { return strings.HasPrefix(user, "@irc-") }})
	for name, code := range map[string]string{
		"": "M_INVALID_USERNAME", "Alice": "M_INVALID_USERNAME", "al ice": "M_INVALID_USERNAME", "ålice": "M_INVALID_USERNAME",
		"a:b": "M_INVALID_USERNAME", "a@b": "M_INVALID_USERNAME", "a\x00b": "M_INVALID_USERNAME", "a\n": "M_INVALID_USERNAME",
		"12345": "M_INVALID_USERNAME", strings.Repeat("a", 250): "M_INVALID_USERNAME", "_bridge": "M_EXCLUSIVE", "irc-bob": "M_EXCLUSIVE",
	} {
		w.refused(w.users.Available(ctx, name), code)
	}
	for _, name := range []string{"a", "alice.b-c_d=e/f+g", "0x1"} {
		w.must(w.users.Available(ctx, name))
	}
}

func TestATokenForThreeLetsThreeIn(t *testing.T) {
	each(t, func(t *town) {
		tok, err := t.users.NewRegistrationToken(ctx, "", 3, 0)
		t.must(err)
		var in, out atomic.Int64
		var all sync.WaitGroup
		for _, name := range strings.Fields("ann bob cem dov eve fay gus hal") {
			all.Add(1)
			go func() {
				defer all.Done()
				_, err := t.users.Register(ctx, userserver.NewAccount{Localpart: name, Token: tok})
				switch {
				case err == nil:
					in.Add(1)
				case matrixerr.Is(err, "M_FORBIDDEN"):
					out.Add(1)
				default:
					t.Error(err)
				}
			}()
		}
		all.Wait()
		if in.Load() != 3 || out.Load() != 5 {
			t.Fatalf("%d got in, %d did not", in.Load(), out.Load())
		}
		good, err := t.users.TokenGood(ctx, tok)
		t.must(err)
		if good {
			t.Error("a used-up token is still good")
		}
	})
}

func TestATokenRunsOut(t *testing.T) {
	each(t, func(t *town) {
		tok, err := t.users.NewRegistrationToken(ctx, "welcome", 0, t.clock.now().Add(1e9).UnixMilli())
		t.must(err)
		_, err = t.users.NewRegistrationToken(ctx, "welcome", 0, 0)
		t.refused(err, "M_INVALID_PARAM")
		good, err := t.users.TokenGood(ctx, tok)
		if t.must(err); !good {
			t.Fatal("the token is not good")
		}
		t.clock.pass(1e9)
		if good, _ = t.users.TokenGood(ctx, tok); good {
			t.Error("the token did not run out")
		}
		_, err = t.users.Register(ctx, userserver.NewAccount{Localpart: "late", Token: tok})
		t.refused(err, "M_FORBIDDEN")
	})
}

func TestAProfileReachesRoomsEvenIfTheFirstTryFails(t *testing.T) {
	each(t, func(t *town) {
		alice := t.register("alice")
		t.rooms.fail = errors.New("the room is on fire")
		t.must(t.users.SetProfile(ctx, alice, "displayname", json.RawMessage(`"Alice"`)))
		name, _, err := t.users.NameAndAvatar(ctx, alice)
		if t.must(err); name != "Alice" {
			t.Fatalf("the name is %q", name)
		}
		t.rooms.fail = nil
		t.begin() // as after a crash
		t.must(t.users.Resume(ctx))
		t.must(t.users.Resume(ctx))
		if n := t.rooms.count("profile " + alice); n != 1 {
			t.Errorf("rooms were told %d times", n)
		}
		t.must(t.users.SetProfile(ctx, alice, "m.tz", json.RawMessage(`"Europe/Berlin"`)))
		if n := t.rooms.count("profile " + alice); n != 1 {
			t.Errorf("rooms were told of a time zone")
		}
	})
}

func TestProfilesAreBounded(t *testing.T) {
	each(t, func(t *town) {
		alice := t.register("alice")
		big := json.RawMessage(`"` + strings.Repeat("x", 40<<10) + `"`)
		t.must(t.users.SetProfile(ctx, alice, "org.example.a", big))
		t.refused(t.users.SetProfile(ctx, alice, "org.example.b", big), "M_PROFILE_TOO_LARGE")
		t.must(t.users.SetProfile(ctx, alice, "org.example.a", big)) // in place of itself
		t.must(t.users.SetProfile(ctx, alice, "org.example.a", nil))
		t.must(t.users.SetProfile(ctx, alice, "org.example.b", big))
		t.refused(t.users.SetProfile(ctx, alice, "a."+strings.Repeat("x", 254), big), "M_KEY_TOO_LARGE")
		for _, field := range []string{"", "nodots", "Upper.case", "a..b", "a.\x00", ".a", "a.b.", "m.tz\n"} {
			t.refused(t.users.SetProfile(ctx, alice, field, big), "M_INVALID_PARAM")
		}
		t.refused(t.users.SetProfile(ctx, alice, "displayname", json.RawMessage(`7`)), "M_BAD_JSON")
	})
}

func TestADeactivatedUserLeavesEverythingBehind(t *testing.T) {
	each(t, func(t *town) {
		alice := t.register("alice")
		t.login(alice, userserver.LoginOptions{Device: "A"})
		t.must(t.users.SetProfile(ctx, alice, "displayname", json.RawMessage(`"Alice"`)))
		t.must(t.users.SetAccountData(ctx, alice, "", "m.direct", json.RawMessage(`{"a":1}`)))
		t.must(t.users.LinkExternalID(ctx, "https://id.example", "4711", alice))
		t.rooms.fail = errors.New("no rooms today")
		t.must(t.users.Deactivate(ctx, alice, true))
		t.refused(t.users.Deactivate(ctx, alice, true), "M_NOT_FOUND")
		_, err := t.users.Profile(ctx, alice)
		t.refused(err, "M_NOT_FOUND")
		_, err = t.users.AccountData(ctx, alice, "", "m.direct")
		t.refused(err, "M_NOT_FOUND")
		_, err = t.users.UserOfExternalID(ctx, "https://id.example", "4711")
		t.refused(err, "M_NOT_FOUND")
		t.refused(t.users.CheckLogin(ctx, alice, password), "M_FORBIDDEN") // erased: not even the hash is left
		t.rooms.fail = nil
		t.must(t.users.Resume(ctx))
		t.read(func(tx *storage.ReadTx) error {
			left, err := tx.Leaving()
			if len(left) != 0 {
				t.Errorf("%v still leave", left)
			}
			return err
		})
	})
}

func TestAnExternalIDBelongsToOneAccount(t *testing.T) {
	each(t, func(t *town) {
		alice, bob := t.register("alice"), t.register("bob")
		t.must(t.users.LinkExternalID(ctx, "https://id.example", "4711", alice))
		t.must(t.users.LinkExternalID(ctx, "https://id.example", "4711", alice))
		t.refused(t.users.LinkExternalID(ctx, "https://id.example", "4711", bob), "M_FORBIDDEN")
		t.refused(t.users.LinkExternalID(ctx, "https://id.example", "4712", "@nobody:test.example"), "M_NOT_FOUND")
		user, err := t.users.UserOfExternalID(ctx, "https://id.example", "4711")
		if t.must(err); user != alice {
			t.Errorf("it belongs to %s", user)
		}
	})
}

// settings are what a sync between two positions would tell.
func (w *town) settings(user string, initial bool, after int64) (told map[string]string, now int64) {
	w.Helper()
	told = map[string]string{}
	w.read(func(tx *storage.ReadTx) (err error) {
		if now, err = tx.Position(); err != nil {
			return err
		}
		list, err := w.users.AccountDataSince(tx, user, initial, after, now)
		for _, s := range list {
			told[s.Type] = string(s.Content)
		}
		return err
	})
	return told, now
}

func TestASyncTellsSettingsThatChanged(t *testing.T) {
	each(t, func(t *town) {
		alice := t.register("alice")
		first, now := t.settings(alice, true, 0)
		if len(first) != 1 || !strings.Contains(first["m.push_rules"], ".m.rule.master") {
			t.Fatalf("at first: %v", first)
		}
		t.must(t.users.SetAccountData(ctx, alice, "", "m.direct", json.RawMessage(`{"@bob:x":["!r:x"]}`)))
		t.must(t.users.SetAccountData(ctx, alice, "!r:x", "m.tag", json.RawMessage(`{}`)))
		told, then := t.settings(alice, false, now)
		if len(told) != 1 || told["m.direct"] != `{"@bob:x":["!r:x"]}` {
			t.Fatalf("then: %v", told)
		}
		t.must(t.users.DeleteAccountData(ctx, alice, "", "m.direct"))
		t.must(t.users.ChangePushRules(ctx, alice, func(c *pushrules.Changes) error {
			return c.SetEnabled(pushrules.Override, ".m.rule.master", true)
		}))
		told, _ = t.settings(alice, false, then)
		if len(told) != 2 || told["m.direct"] != `{}` || !strings.Contains(told["m.push_rules"], `{"rule_id":".m.rule.master","default":true,"enabled":true`) {
			t.Fatalf("after a deletion: %v", told)
		}
		if told, _ = t.settings(alice, true, 0); len(told) != 1 {
			t.Fatalf("to a new device: %v", told)
		}
	})
}

func TestAnOpenIDTokenNamesItsHolderForAnHour(t *testing.T) {
	each(t, func(t *town) {
		alice := t.register("alice")
		tok, life, err := t.users.NewOpenIDToken(ctx, alice)
		t.must(err)
		user, err := t.users.OpenIDUser(ctx, tok)
		if t.must(err); user != alice {
			t.Fatal(user)
		}
		t.forgot(tok) // it is no access token
		t.clock.pass(life)
		_, err = t.users.OpenIDUser(ctx, tok)
		t.refused(err, "M_UNKNOWN_TOKEN")
		t.clock.pass(48 * 60 * 60 * 1e9)
		t.must(t.users.Tidy(ctx))
	})
}
