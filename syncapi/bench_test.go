package syncapi

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/chancery-im/chancery/roomserver"
	"github.com/chancery-im/chancery/storage/storagetest"
	"github.com/chancery-im/chancery/userserver"
)

// BenchmarkFirstSync is the first sync of somebody in 500 rooms with 6 other members
// and 20 messages each, without HTTP.
func BenchmarkFirstSync(b *testing.B) {
	for name, place := range map[string]func(testing.TB) storagetest.Place{"sqlite": storagetest.SQLite, "postgres": storagetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			d, token := bigAccount(b, place(b), 500)
			b.ResetTimer()
			for range b.N {
				d.syncs(token, "")
			}
		})
	}
}

// bigAccount is a user in n rooms.
func bigAccount(b *testing.B, p storagetest.Place, n int) (*door, string) {
	d, ctx := newDoor(b, p), context.Background()
	person := func(name string) (string, string) {
		user, err := d.users.Register(ctx, userserver.NewAccount{Localpart: name})
		d.must(err)
		tok, err := d.users.Login(ctx, user, userserver.LoginOptions{})
		d.must(err)
		return user, tok.Access
	}
	owner, _ := person("owner")
	reader, token := person("reader")
	var others []string
	for i := range 40 {
		u, _ := person(fmt.Sprint("other", i))
		others = append(others, u)
	}
	for i := range n {
		room, _, err := d.rooms.CreateRoom(ctx, roomserver.CreateRequest{Creator: owner, Preset: "public_chat", Name: fmt.Sprint("Room ", i)})
		d.must(err)
		for j := range 5 {
			_, err := d.rooms.Join(ctx, others[(i+j)%len(others)], room, roomserver.JoinOptions{})
			d.must(err)
		}
		_, err = d.rooms.Join(ctx, reader, room, roomserver.JoinOptions{})
		d.must(err)
		for j := range 20 {
			_, err := d.rooms.Send(ctx, roomserver.Draft{RoomID: room, Sender: others[i%len(others)], Type: "m.room.message",
				Content: json.RawMessage(fmt.Sprintf(`{"msgtype":"m.text","body":"line %d"}`, j))})
			d.must(err)
		}
	}
	return d, token
}
