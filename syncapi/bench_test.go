package syncapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

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

// BenchmarkDelivery is one message to 100 members who long-poll, without HTTP: the time
// of one delivery.
func BenchmarkDelivery(b *testing.B) {
	for name, place := range map[string]func(testing.TB) storagetest.Place{"sqlite": storagetest.SQLite, "postgres": storagetest.Postgres} {
		b.Run(name, func(b *testing.B) { deliver(b, place(b), 100) })
	}
}

func deliver(b *testing.B, p storagetest.Place, members int) {
	d, ctx := newDoor(b, p), context.Background()
	owner, err := d.users.Register(ctx, userserver.NewAccount{Localpart: "owner"})
	d.must(err)
	room, _, err := d.rooms.CreateRoom(ctx, roomserver.CreateRequest{Creator: owner, Preset: "public_chat"})
	d.must(err)
	got := make(chan struct{}, members)
	var tokens []string
	for i := range members {
		user, err := d.users.Register(ctx, userserver.NewAccount{Localpart: fmt.Sprint("member", i)})
		d.must(err)
		tok, err := d.users.Login(ctx, user, userserver.LoginOptions{})
		d.must(err)
		_, err = d.rooms.Join(ctx, user, room, roomserver.JoinOptions{})
		d.must(err)
		tokens = append(tokens, tok.Access)
	}
	for _, tok := range tokens {
		go d.follows(tok, room, got)
	}
	send := func(n int) {
		_, err := d.rooms.Send(ctx, roomserver.Draft{RoomID: room, Sender: owner, Type: "m.room.message",
			Content: json.RawMessage(fmt.Sprintf(`{"msgtype":"m.text","body":"line %d"}`, n))})
		d.must(err)
		for range members {
			<-got
		}
	}
	for d.listening(room) < members {
		runtime.Gosched()
	}
	send(-1)
	b.ResetTimer()
	for n := range b.N {
		send(n)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*members), "ns/delivery")
}

// follows long-polls until the door closes, and tells of each message.
func (d *door) follows(token, room string, got chan<- struct{}) {
	since := ""
	for {
		r := httptest.NewRequest("GET", "/_matrix/client/v3/sync?timeout=60000&since="+since, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		d.handler.ServeHTTP(w, r)
		var out struct {
			Next  string `json:"next_batch"`
			Rooms struct {
				Join map[string]struct {
					Timeline struct{ Events []json.RawMessage }
				}
			}
		}
		if json.Unmarshal(w.Body.Bytes(), &out) != nil || w.Code != 200 {
			return
		}
		if since != "" {
			for range out.Rooms.Join[room].Timeline.Events {
				got <- struct{}{}
			}
		}
		if since = out.Next; d.api.closed() {
			return
		}
	}
}

func (a *API) closed() bool {
	select {
	case <-a.stop:
		return true
	default:
		return false
	}
}

// BenchmarkIdle is the memory of long-polls that wait, over plain HTTP on loopback. The
// clients share the process; what they take is measured first, against a handler that
// only waits.
func BenchmarkIdle(b *testing.B) {
	d, ctx := newDoor(b, storagetest.SQLite(b)), context.Background()
	user, err := d.users.Register(ctx, userserver.NewAccount{Localpart: "idler"})
	d.must(err)
	tok, err := d.users.Login(ctx, user, userserver.LoginOptions{})
	d.must(err)
	since := d.syncs(tok.Access, "")
	stop := make(chan struct{})
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	})
	const n = 2000
	path := "/_matrix/client/v3/sync?timeout=300000&since=" + since
	for name, h := range map[string]http.Handler{"a handler that only waits": bare, "sync": d.handler} {
		heap, stacks := hold(b, h, n, path, tok.Access)
		b.Logf("%s: %.1f KiB of heap and %.1f of stacks each, client included", name, heap, stacks)
	}
	close(stop)
}

// hold opens n requests and tells the memory of each in KiB.
func hold(b *testing.B, h http.Handler, n int, path, token string) (heap, stacks float64) {
	web := httptest.NewServer(h)
	defer web.Close()
	defer web.CloseClientConnections()
	var before, after runtime.MemStats
	read := func(m *runtime.MemStats) {
		for range 6 { // a stack shrinks by half each time
			runtime.GC()
		}
		runtime.ReadMemStats(m)
	}
	read(&before)
	var conns []net.Conn
	for range n {
		c, err := net.Dial("tcp", web.Listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", path, token)
		conns = append(conns, c)
	}
	time.Sleep(2 * time.Second)
	read(&after)
	runtime.KeepAlive(conns)
	return float64(after.HeapInuse-before.HeapInuse) / 1024 / float64(n), float64(after.StackInuse-before.StackInuse) / 1024 / float64(n)
}
