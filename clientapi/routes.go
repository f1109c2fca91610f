package clientapi

import "slices"

// Budgets of bodies, in bytes.
const (
	none   = 0
	small  = 64 << 10  // requests with a few fields
	body   = 256 << 10 // an event's content, before it is canonical
	medium = 1 << 20
	large  = 16 << 20 // key uploads and backups
)

// routes is every endpoint of this door, what clients call all day first: the
// router walks them in order.
func (a *API) routes() []route {
	return slices.Concat(a.roomRoutes(), a.keyRoutes(), a.accountRoutes())
}
