package syncapi

import "sync"

// handed remembers which devices have to-device messages that they were given and did
// not confirm yet by coming back with the token behind them, so that other requests
// need not look for them. Of a device that it does not know it says that there may be
// some.
type handed struct {
	mu sync.Mutex
	at map[deviceKey]int64 // up to which position; 0: nothing waits to be confirmed
}

// maxHanded bounds the devices that are remembered.
const maxHanded = 200_000

func newHanded() *handed { return &handed{at: map[deviceKey]int64{}} }

// may reports whether there may be messages to drop.
func (h *handed) may(user, device string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	at, known := h.at[deviceKey{user, device}]
	return !known || at > 0
}

// given notes that an answer carries messages up to a position.
func (h *handed) given(user, device string, pos int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k := deviceKey{user, device}
	if at, known := h.at[k]; known {
		h.at[k] = max(at, pos)
	}
}

// dropped notes that there is nothing left up to a position.
func (h *handed) dropped(user, device string, pos int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k := deviceKey{user, device}
	if h.at[k] > pos {
		return // more was given meanwhile
	}
	if len(h.at) >= maxHanded {
		clear(h.at)
	}
	h.at[k] = 0
}
