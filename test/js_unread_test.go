package test

import "testing"

// TestAppsShowWhatIsUnread drives the server with matrix-js-sdk: counts of rooms and
// threads on two devices, receipts, typing, push rules, presence.
func TestAppsShowWhatIsUnread(t *testing.T) {
	t.Parallel()
	each(t, func(s *server) { plays(s.t, "unread.mjs", s.url, nil) })
}
