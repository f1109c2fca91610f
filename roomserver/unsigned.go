package roomserver

import (
	"strconv"

	"github.com/chancery-im/chancery/internal/canonicaljson"
	"github.com/chancery-im/chancery/internal/event"
)

// unsigned is the object of that name in an event for clients.
func (v Visible) unsigned(now int64, omitRoom bool) []byte {
	out := append(make([]byte, 0, 128), `{"age":`...)
	out = strconv.AppendInt(out, max(0, now-v.Timestamp()), 10)
	text := func(key, val string) {
		if val != "" {
			out = append(append(append(out, ',', '"'), key...), '"', ':')
			out = canonicaljson.AppendString(out, val)
		}
	}
	text("membership", v.Membership)
	if v.PrevContent != nil {
		out = append(append(out, `,"prev_content":`...), v.PrevContent...)
		text("prev_sender", v.PrevSender)
		text("replaces_state", v.ReplacesState)
	}
	if v.Redaction != nil {
		out = append(out, `,"redacted_because":`...)
		out = v.Redaction.ClientJSON(out, event.ClientFormat{OmitRoomID: omitRoom})
	}
	text("transaction_id", v.TxnID)
	return append(out, '}')
}
