package clientapi

import (
	"testing"
	"time"
)

// tries counts the answers of repeated requests that were let through.
func (d *door) tries(n int, request func() said) (through int) {
	d.Helper()
	for range n {
		switch s := request(); s.status {
		case 200:
			through++
		case 429:
		default:
			d.Fatal(s.raw)
		}
	}
	return through
}

func TestHardening_C09_KeysCannotBeDrained(t *testing.T) {
	eachDoor(t, func(d *door) {
		mallory := d.register("mallory")
		claim := m{"one_time_keys": m{"@alice:test.example": m{"PHONE": "signed_curve25519"}}}
		if n := d.tries(1000, func() said { return d.call(mallory, "POST", "/keys/claim", claim) }); n != 100 {
			d.Errorf("%d of 1000 claims", n)
		}
		d.call(mallory, "POST", "/keys/query", m{"device_keys": m{}}).no(429, "M_LIMIT_EXCEEDED")
		d.pass(time.Second)
		d.call(mallory, "POST", "/keys/claim", claim).ok()
	}, withLimits)
}

func TestRoomsInvitesAndJoinsAreBounded(t *testing.T) {
	eachDoor(t, func(d *door) {
		alice, bob := d.register("alice"), d.register("bob")
		room := d.call(alice, "POST", "/createRoom", m{"preset": "public_chat"}).ok().text("room_id")
		if n := d.tries(30, func() said { return d.call(alice, "POST", "/createRoom", m{}) }); n != 9 {
			d.Errorf("%d more rooms", n)
		}
		if n := d.tries(30, func() said { return d.call(bob, "POST", "/join/"+room, m{}) }); n != 10 {
			d.Errorf("%d joins", n)
		}
		guest := m{"user_id": "@carol:test.example"}
		if n := d.tries(60, func() said { return d.call(alice, "POST", "/rooms/"+room+"/invite", guest) }); n != 20 {
			d.Errorf("%d invites", n)
		}
	}, withLimits)
}
