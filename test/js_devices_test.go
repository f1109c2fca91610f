package test

import "testing"

// TestNewDevicesAreVerifiedAndReadThePast drives the server with matrix-js-sdk:
// secret storage, backup, signatures across devices, and a verification by emoji.
func TestNewDevicesAreVerifiedAndReadThePast(t *testing.T) {
	t.Parallel()
	each(t, func(s *server) { plays(s.t, "devices.mjs", s.url, nil) })
}
