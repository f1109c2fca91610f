package userserver_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage/storagetest"
	"github.com/chancery-im/chancery/userserver"
)

func TestALoginNamesItsUserAndDevice(t *testing.T) {
	each(t, func(t *town) {
		alice := t.register("alice")
		in := t.login(alice, userserver.LoginOptions{Device: "PHONE", DeviceName: "Alice's phone", IP: "192.0.2.7", Agent: "test"})
		if s := t.knows(in.Access); s.User != alice || s.Device != "PHONE" || s.Guest || s.Admin {
			t.Fatalf("the session is %+v", s)
		}
		d, err := t.users.Device(ctx, alice, "PHONE")
		t.must(err)
		if *d.Name != "Alice's phone" || d.IP != "192.0.2.7" || d.Seen != t.clock.now().UnixMilli() {
			t.Fatalf("the device is %+v", d)
		}
		again := t.login(alice, userserver.LoginOptions{Device: "PHONE", DeviceName: "another name"})
		t.forgot(in.Access)
		t.knows(again.Access)
		if d, _ = t.users.Device(ctx, alice, "PHONE"); *d.Name != "Alice's phone" {
			t.Errorf("a known device was renamed to %q", *d.Name)
		}
	})
}

func TestARefreshedTokenReplacesTheOldOneAtItsFirstUse(t *testing.T) {
	each(t, func(t *town) {
		first := t.login(t.register("alice"), userserver.LoginOptions{Refresh: true})
		t.knows(first.Access)
		lost, err := t.users.Refresh(ctx, first.Refresh)
		t.must(err)
		t.knows(first.Access) // the new tokens may never have arrived
		second, err := t.users.Refresh(ctx, first.Refresh)
		t.must(err)
		t.forgot(lost.Access)
		t.knows(first.Access)
		if s := t.knows(second.Access); s.Device != first.Device {
			t.Errorf("the device became %q", s.Device)
		}
		t.forgot(first.Access)
		third, err := t.users.Refresh(ctx, second.Refresh)
		t.must(err)
		t.knows(third.Access)
	})
}

func TestARefreshTokenAloneCarriesALoginOn(t *testing.T) {
	each(t, func(t *town) {
		in := t.login(t.register("alice"), userserver.LoginOptions{Refresh: true})
		for range 5 { // no access token in between is ever used
			next, err := t.users.Refresh(ctx, in.Refresh)
			t.must(err)
			in = next
		}
		t.knows(in.Access)
	})
}

func TestHardening_A10_AnOldRefreshTokenEndsTheWholeLogin(t *testing.T) {
	each(t, func(t *town) {
		alice := t.register("alice")
		other := t.login(alice, userserver.LoginOptions{Refresh: true})
		stolen := t.login(alice, userserver.LoginOptions{Refresh: true})
		in := stolen
		for range 3 {
			next, err := t.users.Refresh(ctx, in.Refresh)
			t.must(err)
			t.knows(next.Access)
			in = next
		}
		_, err := t.users.Refresh(ctx, stolen.Refresh)
		t.refused(err, "M_UNKNOWN_TOKEN")
		t.forgot(in.Access)
		_, err = t.users.Refresh(ctx, in.Refresh)
		t.refused(err, "M_UNKNOWN_TOKEN")
		t.knows(other.Access)
	})
}

func TestHardening_A10_AForgedRefreshTokenEndsNothing(t *testing.T) {
	each(t, func(t *town) {
		in := t.login(t.register("alice"), userserver.LoginOptions{Refresh: true})
		for _, forged := range []string{"", "chr_", in.Refresh + "A", in.Refresh[:len(in.Refresh)-3] + "AAA", "chr_" + strings.Repeat("A", 64)} {
			_, err := t.users.Refresh(ctx, forged)
			t.refused(err, "M_UNKNOWN_TOKEN")
		}
		t.knows(in.Access)
	})
}

func TestAnAccessTokenThatRanOutIsASoftLogout(t *testing.T) {
	each(t, func(t *town) {
		in := t.login(t.register("alice"), userserver.LoginOptions{Refresh: true})
		t.knows(in.Access)
		t.clock.pass(in.ExpiresIn)
		_, err := t.users.Authenticate(ctx, in.Access)
		var e *matrixerr.Error
		if !errors.As(err, &e) || e.Status != 401 || e.Extra["soft_logout"] != true {
			t.Fatalf("got %v", err)
		}
		next, err := t.users.Refresh(ctx, in.Refresh)
		t.must(err)
		t.knows(next.Access)
	})
}

func TestHardening_A10_WhatEndsASessionEndsItAtOnce(t *testing.T) {
	each(t, func(t *town) {
		alice := t.register("alice")
		in := func(device string) string {
			tok := t.login(alice, userserver.LoginOptions{Device: device}).Access
			t.knows(tok) // it is in the cache now
			return tok
		}
		a, b, c := in("A"), in("B"), in("C")
		t.must(t.users.Logout(ctx, t.knows(a)))
		t.forgot(a)
		t.must(t.users.SetPassword(ctx, alice, "another good password", true, "C"))
		t.forgot(b)
		t.knows(c)
		t.must(t.users.SetLocked(ctx, alice, true))
		_, err := t.users.Authenticate(ctx, c)
		t.refused(err, "M_USER_LOCKED")
		t.must(t.users.SetLocked(ctx, alice, false))
		t.knows(c)
		t.must(t.users.SetSuspended(ctx, alice, true))
		if !t.knows(c).Suspended {
			t.Error("a suspension is not seen")
		}
		t.must(t.users.LogoutAll(ctx, alice, ""))
		t.forgot(c)
		if d := t.devices(alice); len(d) != 0 {
			t.Errorf("devices %v are left", d)
		}
	})
}

func TestHardening_A01_StrangeTokensAreUnknown(t *testing.T) {
	each(t, func(t *town) {
		good := t.login(t.register("alice"), userserver.LoginOptions{}).Access
		for _, tok := range []string{"", " ", "\x00", good[:len(good)-1], good + " ", good + "\x00", strings.ToUpper(good), strings.Repeat("x", 1<<20), "\xff"} {
			t.forgot(tok)
		}
	})
}

func TestHardening_A01_LockedAndDeactivatedUsersGetNoSession(t *testing.T) {
	each(t, func(t *town) {
		alice := t.register("alice")
		in := t.login(alice, userserver.LoginOptions{Refresh: true})
		tok, _, err := t.users.NewLoginToken(ctx, alice)
		t.must(err)
		t.must(t.users.SetLocked(ctx, alice, true))
		t.refused(t.users.CheckLogin(ctx, alice, password), "M_USER_LOCKED")
		_, err = t.users.Login(ctx, alice, userserver.LoginOptions{})
		t.refused(err, "M_USER_LOCKED")
		_, err = t.users.Refresh(ctx, in.Refresh)
		t.refused(err, "M_USER_LOCKED")
		t.must(t.users.SetLocked(ctx, alice, false))

		t.must(t.users.Deactivate(ctx, alice, false))
		t.forgot(in.Access)
		t.refused(t.users.CheckLogin(ctx, alice, password), "M_USER_DEACTIVATED")
		t.refused(t.users.CheckLogin(ctx, alice, "not the password"), "M_FORBIDDEN")
		_, err = t.users.Login(ctx, alice, userserver.LoginOptions{})
		t.refused(err, "M_USER_DEACTIVATED")
		_, err = t.users.Refresh(ctx, in.Refresh)
		t.refused(err, "M_UNKNOWN_TOKEN")
		_, err = t.users.TakeLoginToken(ctx, tok)
		t.refused(err, "M_FORBIDDEN")
	})
}

func TestHardening_C11_NobodyAndAWrongPasswordLookTheSame(t *testing.T) {
	each(t, func(t *town) {
		alice := t.register("alice")
		noPassword, err := t.users.Register(ctx, userserver.NewAccount{Localpart: "robot", Kind: "bot"})
		t.must(err)
		wrong := t.users.CheckLogin(ctx, alice, "not the password")
		for _, user := range []string{"@nobody:test.example", noPassword} {
			for _, pw := range []string{"not the password", ""} {
				if err := t.users.CheckLogin(ctx, user, pw); !errors.Is(err, wrong) {
					t.Errorf("%s, %q: %v instead of %v", user, pw, err, wrong)
				}
			}
		}
	})
}

func TestHardening_A05_ALoginTokenIsGoodOnceAndForAMinute(t *testing.T) {
	each(t, func(t *town) {
		alice := t.register("alice")
		tok, life, err := t.users.NewLoginToken(ctx, alice)
		t.must(err)
		user, err := t.users.TakeLoginToken(ctx, tok)
		t.must(err)
		if user != alice || life > time.Minute {
			t.Fatalf("%s, %v", user, life)
		}
		_, err = t.users.TakeLoginToken(ctx, tok)
		t.refused(err, "M_FORBIDDEN")
		tok, life, err = t.users.NewLoginToken(ctx, alice)
		t.must(err)
		t.clock.pass(life)
		_, err = t.users.TakeLoginToken(ctx, tok)
		t.refused(err, "M_FORBIDDEN")
	})
}

func TestHardening_A04_TokensAreLongAndNeverTheSame(t *testing.T) {
	w := newTown(t, storagetest.SQLite(t))
	alice := w.register("alice")
	seen := map[string]bool{}
	for range 300 {
		in := w.login(alice, userserver.LoginOptions{Device: "D", Refresh: true})
		for _, tok := range []string{in.Access, in.Refresh} {
			if seen[tok] || len(tok) < 4+43 { // 256 bits in base64, behind the prefix
				t.Fatalf("token %q", tok)
			}
			seen[tok] = true
		}
	}
}

// TestHardening_A11: neither passwords nor tokens are on disk.
func TestHardening_A11_NoSecretIsInTheDatabase(t *testing.T) {
	place := storagetest.SQLite(t)
	w := newTown(t, place)
	alice := w.register("alice")
	in := w.login(alice, userserver.LoginOptions{Refresh: true})
	tok, _, err := w.users.NewLoginToken(ctx, alice)
	w.must(err)
	openid, _, err := w.users.NewOpenIDToken(ctx, alice)
	w.must(err)
	const next = "a most secret new password"
	ask := userserver.Ask{User: alice, Action: "account/password", Body: []byte(`{"new_password":"` + next + `"}`),
		Flows: [][]string{{userserver.StagePassword, userserver.StageDummy}}}
	_, err = w.users.Interactive(ctx, ask)
	w.refused(err, "")
	ask.Auth = &userserver.AuthDict{Type: userserver.StagePassword, Password: password}
	_, err = w.users.Interactive(ctx, ask)
	w.refused(err, "")
	w.must(w.users.SetPassword(ctx, alice, next, false, ""))
	files, err := filepath.Glob(filepath.Join(place.Dir, "*"))
	w.must(err)
	for _, f := range files {
		raw, err := os.ReadFile(f)
		w.must(err)
		for _, secret := range []string{password, next, in.Access, in.Refresh, tok, openid} {
			if bytes.Contains(raw, []byte(secret)) || bytes.Contains(raw, []byte(secret[4:])) {
				t.Errorf("%s holds %q", filepath.Base(f), secret)
			}
		}
	}
}
