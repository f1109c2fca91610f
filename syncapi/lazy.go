package syncapi

import "sync"

// told remembers which member events each device has been given, so that a client that
// loads members lazily is not sent them again and again ("include_redundant_members").
// It is a help and no truth: what it forgets is sent once more.
type told struct {
	mu      sync.Mutex
	devices map[deviceKey]*toldDevice
	total   int
}

type deviceKey struct{ user, device string }

// toldDevice has, by the number of a member event, the position of the answer that
// carried it: the client has had it when it comes back with that position or a later
// one.
type toldDevice struct{ at map[int64]int64 }

// Bounds of what is remembered: entries of one device, and of all.
const (
	maxToldDevice = 2000
	maxToldAll    = 400_000
)

func newTold() *told { return &told{devices: map[deviceKey]*toldDevice{}} }

// begin is what a client that comes with a token has had. What answers carried that it
// never came back from is forgotten. since is 0 for a first sync.
func (t *told) begin(user, device string, since int64) map[int64]bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := deviceKey{user, device}
	d := t.devices[k]
	if d == nil {
		return nil
	}
	if since == 0 {
		t.total -= len(d.at)
		delete(t.devices, k)
		return nil
	}
	has := make(map[int64]bool, len(d.at))
	for nid, pos := range d.at {
		if pos > since {
			delete(d.at, nid)
			t.total--
			continue
		}
		has[nid] = true
	}
	return has
}

// add notes what an answer carries.
func (t *told) add(user, device string, nids []int64, pos int64) {
	if len(nids) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.total+len(nids) > maxToldAll {
		clear(t.devices)
		t.total = 0
	}
	k := deviceKey{user, device}
	d := t.devices[k]
	if d == nil || len(d.at)+len(nids) > maxToldDevice {
		if d != nil {
			t.total -= len(d.at)
		}
		d = &toldDevice{at: map[int64]int64{}}
		t.devices[k] = d
	}
	for _, n := range nids {
		if _, ok := d.at[n]; !ok {
			t.total++
		}
		d.at[n] = pos
	}
}
