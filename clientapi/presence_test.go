package clientapi

import "testing"

// TestWhatShowsActivityIsServed: a route that is renamed does not silently stop to
// count.
func TestWhatShowsActivityIsServed(t *testing.T) {
	served := map[string]bool{}
	for _, rt := range (&API{}).routes() {
		served[rt.method+" "+rt.path] = true
	}
	for path := range atTheDevice {
		if !served[path] {
			t.Errorf("%s shows activity, and is no route", path)
		}
	}
}
