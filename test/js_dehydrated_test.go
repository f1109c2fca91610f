package test

import "testing"

// TestADeviceThatSleptReadsWhatWasSaid drives the server with the dehydrated devices of
// matrix-js-sdk (MSC3814).
func TestADeviceThatSleptReadsWhatWasSaid(t *testing.T) {
	t.Parallel()
	each(t, func(s *server) { plays(s.t, "dehydrated.mjs", s.url, nil) })
}
