package policy

import (
	"context"
	"testing"
)

func TestTodayEverythingIsAllowed(t *testing.T) {
	for _, act := range []Act{CreateRoom, Invite, Join, Send, Media, Federate} {
		if err := (AllowAll{}).Decide(context.Background(), Actor{User: "@a:x"}, act, Object{}); err != nil {
			t.Errorf("%s: %v", act, err)
		}
	}
}
