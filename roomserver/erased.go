package roomserver

import (
	"context"

	"github.com/chancery-im/chancery/storage"
)

// hideErased shows what users said who asked to be erased as if it were redacted, to
// who was not in the room when they said it: "the server should redact events of the
// user for users and servers that join rooms in the future" (POST
// /account/deactivate, erase).
func (a *access) hideErased(ctx context.Context, evs []Visible) error {
	outside := func(v *Visible) bool { return v.Membership != "join" }
	var users []string
	for i := range evs {
		if v := &evs[i]; outside(v) {
			for _, user := range []string{v.From(), v.PrevSender} {
				if user != "" && user != a.reader.UserID && a.v.s.isLocal(user) && !contains(users, user) {
					users = append(users, user)
				}
			}
		}
	}
	if len(users) == 0 {
		return nil
	}
	var erased []string
	err := a.v.read(ctx, func(tx *storage.ReadTx) (err error) {
		erased, err = tx.Erased(users)
		return err
	})
	if err != nil || len(erased) == 0 {
		return err
	}
	for i := range evs {
		v := &evs[i]
		if !outside(v) {
			continue
		}
		if contains(erased, v.From()) {
			v.Event = v.Redact()
		}
		if contains(erased, v.PrevSender) {
			v.PrevContent = nil
		}
	}
	return nil
}
