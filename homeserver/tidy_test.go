package homeserver

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chancery-im/chancery/storage"
)

func TestWhatHasRunOutIsRemoved(t *testing.T) {
	var later atomic.Int64
	clock := func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	h, err := New(context.Background(), configured(t), Options{Log: quiet(), Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	ctx := t.Context()
	if err := h.DB.Write(ctx, func(tx *storage.Tx) error { return tx.PutUIA(storage.UIA{Session: "s", Body: []byte("x")}) }); err != nil {
		t.Fatal(err)
	}
	there := func() (err error) {
		return h.DB.Read(ctx, func(tx *storage.ReadTx) error {
			_, err = tx.UIA("s")
			return err
		})
	}
	if err := h.tidy(ctx); err != nil || there() != nil {
		t.Fatal(err, there())
	}
	later.Store(int64(48 * time.Hour))
	if err := h.tidy(ctx); err != nil {
		t.Fatal(err)
	}
	if there() == nil {
		t.Error("a session of two days ago is still there")
	}
}
