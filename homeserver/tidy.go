package homeserver

import (
	"context"
	"time"

	"github.com/chancery-im/chancery/storage"
)

const (
	tidyEvery = time.Hour
	// txnLife is how long a client may repeat a transaction id.
	txnLife = 7 * 24 * time.Hour
	// tidyRows and tidyPages are what one commit removes and gives back: a message
	// waits for no more than that.
	tidyRows  = 2000
	tidyPages = 256
)

// tidyHourly removes what has run out, and gives its space back to the file system.
func (h *Homeserver) tidyHourly(ctx context.Context) {
	defer close(h.tidied)
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := h.tidy(ctx); err != nil && ctx.Err() == nil {
				h.log.WithError(err).Warn("removing what has run out failed; it is tried again in an hour")
			}
		}
	}
}

func (h *Homeserver) tidy(ctx context.Context) error {
	if err := h.Users.Tidy(ctx); err != nil {
		return err
	}
	if err := h.Rooms.Tidy(ctx); err != nil {
		return err
	}
	if h.push != nil {
		if err := h.push.Tidy(ctx); err != nil {
			return err
		}
	}
	before := h.clock().Add(-txnLife).UnixMilli()
	for gone := int64(tidyRows); gone == tidyRows; {
		err := h.DB.Write(ctx, func(tx *storage.Tx) (err error) {
			gone, err = tx.PruneTxns(before, tidyRows)
			return err
		})
		if err != nil {
			return err
		}
	}
	for more := true; more; {
		var err error
		if more, err = h.DB.Reclaim(ctx, tidyPages); err != nil {
			return err
		}
	}
	return h.Users.Resume(ctx)
}
