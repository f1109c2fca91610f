package push

import (
	"bytes"
	"embed"
	"fmt"
	html "html/template"
	"strings"
	text "text/template"
	"time"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/mailer"
	"github.com/chancery-im/chancery/roomserver"
)

//go:embed templates
var files embed.FS

var (
	digestText = text.Must(text.ParseFS(files, "templates/digest.txt"))
	digestHTML = html.Must(html.ParseFS(files, "templates/digest.html"))
)

// Bounds of a mail.
const (
	digestRooms    = 10
	digestMessages = 10 // of a room, the newest
	digestChars    = 500
)

// digest is what a mail says.
type digest struct {
	Title, User, Server string
	Unsubscribe         string
	Rooms               []digestRoom
	MoreRooms           int
}

type digestRoom struct {
	id       string
	Name     string
	Messages []digestMessage
	More     int
}

type digestMessage struct{ Time, Sender, Text string }

// newDigest gathers what is unread, by room, in the order in which it came.
func newDigest(list []*roomserver.Notice, user, server, unsubscribe string) *digest {
	d := &digest{User: user, Server: server, Unsubscribe: unsubscribe}
	at := map[string]int{}
	for _, n := range list {
		i, ok := at[n.RoomID]
		if !ok {
			i = len(d.Rooms)
			at[n.RoomID] = i
			d.Rooms = append(d.Rooms, digestRoom{id: n.RoomID, Name: oneLine(n.RoomName, digestChars)})
		}
		r := &d.Rooms[i]
		if len(r.Messages) == digestMessages {
			r.Messages, r.More = r.Messages[1:], r.More+1
		}
		r.Messages = append(r.Messages, digestMessage{time.UnixMilli(n.Event.Timestamp()).UTC().Format("2 Jan 15:04 MST"),
			oneLine(n.SenderName, digestChars), said(n)})
	}
	d.Title = title(len(list), d.Rooms)
	if len(d.Rooms) > digestRooms {
		d.MoreRooms = len(d.Rooms) - digestRooms
		d.Rooms = d.Rooms[:digestRooms]
	}
	return d
}

func title(n int, rooms []digestRoom) string {
	what := "1 unread message"
	if n != 1 {
		what = fmt.Sprintf("%d unread messages", n)
	}
	if len(rooms) == 1 {
		return what + " in " + oneLine(rooms[0].Name, 80)
	}
	return fmt.Sprintf("%s in %d rooms", what, len(rooms))
}

// said is what a mail tells of an event. Of an encrypted room it tells nothing, not
// even what was sent there in plain text.
func said(n *roomserver.Notice) string {
	ev := n.Event
	body := gjson.GetBytes(ev.Body(), "body").Str
	switch {
	case ev.MembershipOf() == "invite":
		return "invited you"
	case n.Encrypted || ev.Kind() == encrypted:
		return "sent an encrypted message"
	case ev.Kind() != "m.room.message":
		return "sent something that a mail cannot show"
	}
	switch gjson.GetBytes(ev.Body(), "msgtype").Str {
	case "m.image":
		return "sent a picture"
	case "m.audio":
		return "sent a recording"
	case "m.video":
		return "sent a video"
	case "m.file":
		return "sent a file"
	case "m.location":
		return "sent a place"
	}
	return oneLine(body, digestChars)
}

// oneLine keeps a text on its line, and short: it comes from others.
func oneLine(s string, most int) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// message makes the mail.
func (d *digest) message(to string) (mailer.Message, error) {
	var plain, rich bytes.Buffer
	if err := digestText.Execute(&plain, d); err != nil {
		return mailer.Message{}, err
	}
	err := digestHTML.Execute(&rich, d)
	return mailer.Message{To: to, Subject: "[" + d.Server + "] " + d.Title, Text: plain.String(), HTML: rich.String(), Unsubscribe: d.Unsubscribe}, err
}
