package notify

import "sync/atomic"

// Count numbers the changes of what is not stored change by change: who types, who is
// present. It begins anew with each start of the server; tokens say of which start
// theirs is. The zero value is ready.
type Count struct{ n atomic.Int64 }

// Next is the number of a change. Who takes one holds the lock under which the change
// is read until the change is there: then nobody who has seen the number misses it.
func (c *Count) Next() int64 { return c.n.Add(1) }

// Now is the number of the newest change.
func (c *Count) Now() int64 { return c.n.Load() }
