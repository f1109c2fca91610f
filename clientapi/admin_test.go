package clientapi

import "testing"

func TestAdministratorsLockAndSuspend(t *testing.T) {
	eachDoor(t, func(d *door) {
		root, alice := d.register("root"), d.register("alice")
		if err := d.users.SetAdmin(d.Context(), "@root:test.example", true); err != nil {
			d.Fatal(err)
		}
		const lock, suspend = "/_matrix/client/v1/admin/lock/", "/_matrix/client/v1/admin/suspend/"
		d.call(alice, "GET", lock+"@nobody:test.example", nil).no(403, "M_FORBIDDEN")
		d.call(root, "GET", lock+"@nobody:test.example", nil).no(404, "M_NOT_FOUND")
		d.call(root, "GET", lock+"@alice:other.example", nil).no(400, "M_INVALID_PARAM")
		d.call(root, "PUT", lock+"@root:test.example", m{"locked": true}).no(403, "M_FORBIDDEN")
		d.call(root, "PUT", lock+"@alice:test.example", m{}).no(400, "M_MISSING_PARAM")
		d.call(root, "PUT", lock+"@alice:test.example", m{"locked": true}).ok().is(`{"locked":true}`)
		d.call(root, "GET", lock+"@alice:test.example", nil).ok().is(`{"locked":true}`)
		if s := d.call(alice, "GET", "/devices", nil).no(401, "M_USER_LOCKED"); s.body["soft_logout"] != true {
			d.Error(s.raw)
		}
		d.login("alice", secret).no(401, "M_USER_LOCKED")
		d.call(root, "PUT", lock+"@alice:test.example", m{"locked": false}).ok()
		d.call(alice, "GET", "/devices", nil).ok()

		room := d.call(alice, "POST", "/createRoom", m{"preset": "public_chat"}).ok().text("room_id")
		mine := d.call(alice, "PUT", "/rooms/"+room+"/send/m.room.message/1", m{"body": "hello"}).ok().text("event_id")
		d.call(root, "POST", "/join/"+room, m{}).ok()
		theirs := d.call(root, "PUT", "/rooms/"+room+"/send/m.room.message/1", m{"body": "hello"}).ok().text("event_id")
		d.call(root, "PUT", suspend+"@alice:test.example", m{"suspended": true}).ok().is(`{"suspended":true}`)
		for path, body := range map[string]m{"/createRoom": {}, "/join/" + room: {}, "/rooms/" + room + "/invite": {"user_id": "@bob:test.example"}} {
			d.call(alice, "POST", path, body).no(403, "M_USER_SUSPENDED")
		}
		d.call(alice, "PUT", "/rooms/"+room+"/send/m.room.message/2", m{"body": "hello"}).no(403, "M_USER_SUSPENDED")
		d.call(alice, "PUT", "/profile/@alice:test.example/displayname", m{"displayname": "x"}).no(403, "M_USER_SUSPENDED")
		d.call(alice, "GET", "/rooms/"+room+"/messages?dir=b", nil).ok()
		d.call(alice, "PUT", "/rooms/"+room+"/redact/"+theirs+"/3", m{}).no(403, "M_USER_SUSPENDED")
		d.call(alice, "PUT", "/rooms/"+room+"/redact/"+mine+"/4", m{}).ok()
		d.call(alice, "PUT", "/user/@alice:test.example/account_data/m.secret_storage.default_key", m{"key": "k"}).ok()
		d.call(alice, "POST", "/rooms/"+room+"/leave", m{}).ok()
		d.call(alice, "POST", "/logout", nil).ok()
		d.login("alice", secret).ok()
	})
}

func TestWhoIsTellsAdministratorsAndTheUser(t *testing.T) {
	eachDoor(t, func(d *door) {
		alice, bob := d.register("alice"), d.register("bob")
		if s := d.call(alice, "GET", "/admin/whois/@alice:test.example", nil).ok(); s.text("user_id") != "@alice:test.example" {
			d.Error(s.raw)
		}
		d.call(bob, "GET", "/admin/whois/@alice:test.example", nil).no(403, "M_FORBIDDEN")
		if err := d.users.SetAdmin(d.Context(), "@bob:test.example", true); err != nil {
			d.Fatal(err)
		}
		d.call(bob, "GET", "/admin/whois/@alice:test.example", nil).ok()
		d.call(bob, "GET", "/admin/whois/@nobody:test.example", nil).no(404, "M_NOT_FOUND")
	})
}
