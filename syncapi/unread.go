package syncapi

import "github.com/chancery-im/chancery/storage"

// unreadCounts are what a client shows on a room or a thread.
type unreadCounts struct {
	Highlight int64 `json:"highlight_count"`
	Notify    int64 `json:"notification_count"`
}

func countsOf(c storage.Counts) *unreadCounts {
	return &unreadCounts{Highlight: c.Highlight, Notify: c.Notify}
}

// unread tells the unread counts of the joined rooms in the answer: with those of
// threads apart when the filter asks for it, else all in one.
func (g *gathering) unread(lists *roomLists) error {
	counts, err := g.a.rooms.UnreadIn(g.tx, g.q.user, g.counted)
	if err != nil {
		return err
	}
	for _, r := range g.counted {
		u, out := counts[r.NID], lists.Join[r.ID]
		if !g.q.filter.Room.Timeline.UnreadThreads {
			out.Unread = countsOf(u.All())
			continue
		}
		out.Unread = countsOf(u.Main)
		for root, c := range u.Threads {
			if out.UnreadThreads == nil {
				out.UnreadThreads = map[string]*unreadCounts{}
			}
			out.UnreadThreads[root] = countsOf(c)
		}
	}
	return nil
}

// hasRead: a receipt of the user's own moved, and with it what is unread.
func (g *gathering) hasRead(room int64) bool {
	for _, r := range g.receipts[room] {
		if r.User == g.q.user {
			return true
		}
	}
	return false
}
