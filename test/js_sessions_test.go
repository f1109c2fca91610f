package test

import (
	"testing"
	"time"
)

// TestAClientRefreshesItsTokenAndIsLoggedOut drives the server with matrix-js-sdk,
// while the server's clock makes tokens run out.
func TestAClientRefreshesItsTokenAndIsLoggedOut(t *testing.T) {
	t.Parallel()
	each(t, func(s *server) {
		plays(s.t, "sessions.mjs", s.url, func(string) { s.passes(10 * time.Minute) })
	})
}
