package userserver_test

import (
	"math"
	"testing"
	"time"

	"github.com/chancery-im/chancery/storage/storagetest"
)

// TestHardening_A02_TimeDoesNotTellWhoExists compares interleaved logins of somebody
// and of nobody by Welch's t.
func TestHardening_A02_TimeDoesNotTellWhoExists(t *testing.T) {
	if testing.Short() {
		t.Skip("hashes 120 passwords")
	}
	w := newTown(t, storagetest.SQLite(t))
	users := []string{w.register("alice"), "@nobody:test.example"}
	var took [2][]float64
	for i := range 60 {
		for k := range users {
			who := (i + k) % 2 // neither is always the first
			begin := time.Now()
			w.refused(w.users.CheckLogin(ctx, users[who], "not the password"), "M_FORBIDDEN")
			took[who] = append(took[who], time.Since(begin).Seconds())
		}
	}
	m0, v0 := moments(took[0])
	m1, v1 := moments(took[1])
	welch := (m0 - m1) / math.Sqrt(v0/float64(len(took[0]))+v1/float64(len(took[1])))
	t.Logf("somebody %.2f ms, nobody %.2f ms, t = %.2f", m0*1000, m1*1000, welch)
	if math.Abs(welch) >= 4.5 {
		t.Errorf("the time tells: somebody %.2f ms, nobody %.2f ms, t = %.2f", m0*1000, m1*1000, welch)
	}
}

func moments(list []float64) (mean, variance float64) {
	for _, x := range list {
		mean += x / float64(len(list))
	}
	for _, x := range list {
		variance += (x - mean) * (x - mean) / float64(len(list)-1)
	}
	return mean, variance
}
