package test

import (
	"fmt"
	"strings"
	"testing"
)

// TestThousandsOfMessagesWaitForADevice drives the shipped binary with matrix-js-sdk.
func TestThousandsOfMessagesWaitForADevice(t *testing.T) {
	t.Parallel()
	s := shipped(t)
	count := 5000
	if testing.Short() {
		count = 500
	}
	alice, bob := s.registers("alice"), s.registers("bob")
	sent := 0
	send := func(what string) {
		var n int
		var device string
		if _, err := fmt.Sscanf(what, "send %d %s", &n, &device); err != nil {
			t.Fatal(err)
		}
		for range n {
			bob.call("PUT", fmt.Sprintf("/sendToDevice/test.count/%d", sent), map[string]any{"messages": map[string]any{
				alice.id: map[string]any{device: map[string]any{"n": sent, "more": strings.Repeat("x", 400)}}}}).ok(nil)
			sent++
		}
	}
	plays(t, "todevice.mjs", s.url, send, fmt.Sprint(count))
}
