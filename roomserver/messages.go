package roomserver

import (
	"context"
	"math"

	"github.com/chancery-im/chancery/internal/filter"
	"github.com/chancery-im/chancery/internal/statetrie"
	"github.com/chancery-im/chancery/internal/token"
	"github.com/chancery-im/chancery/storage"
)

// MessagesRequest is what GET /messages asks for. From and To are tokens of a
// page or of a sync; "" is the end of the timeline that Backwards starts from.
type MessagesRequest struct {
	From, To  string
	Backwards bool
	Limit     int
	Filter    *filter.RoomEvents
}

// scanBudget is how many stored events one page may look at. What a filter or the
// visibility leaves out counts too; the page then ends early, with a token to go
// on from.
const scanBudget = 2000

// Messages is a page of the room's timeline.
func (s *Server) Messages(ctx context.Context, r Reader, room string, q MessagesRequest) (p Page, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		a, err := s.open(ctx, tx, r, room)
		if err != nil {
			return err
		}
		from, err := a.gap(tx, q.From, q.Backwards)
		if err != nil {
			return err
		}
		var to *storage.Edge
		if q.To != "" {
			edge, err := a.gap(tx, q.To, q.Backwards)
			if err != nil {
				return err
			}
			to = &edge
		}
		p, err = a.page(ctx, tx, from, to, q)
		return err
	})
	return p, err
}

// gap is the place in the timeline that a token means: between two events, before
// the one whose key it is.
func (a *access) gap(tx *storage.ReadTx, tok string, backwards bool) (storage.Edge, error) {
	if tok == "" {
		if backwards {
			return storage.Edge{Topo: math.MaxInt64, NID: math.MaxInt64}, nil
		}
		return storage.Edge{}, nil
	}
	t, err := token.Parse(tok)
	if err != nil {
		return storage.Edge{}, err
	}
	if t.IsPage() {
		return storage.Edge{Topo: t.Topo, NID: t.NID}, nil
	}
	evs, err := tx.Timeline(a.row.NID, storage.Edge{Topo: math.MaxInt64, NID: math.MaxInt64}, nil, true, 1, t.Pos)
	if err != nil || len(evs) == 0 {
		return storage.Edge{}, err
	}
	return after(evs[0]), nil
}

// after is the gap behind an event, before the one in front of it.
func after(st storage.StoredEvent) storage.Edge  { return storage.Edge{Topo: st.Topo, NID: st.NID + 1} }
func before(st storage.StoredEvent) storage.Edge { return storage.Edge{Topo: st.Topo, NID: st.NID} }

func pageToken(e storage.Edge) string { return token.Page(e.Topo, e.NID) }

// page reads on from a gap until the limit, the end, or the budget is reached.
func (a *access) page(ctx context.Context, tx *storage.ReadTx, from storage.Edge, to *storage.Edge, q MessagesRequest) (Page, error) {
	p := Page{Start: pageToken(from)}
	at := from
	for scanned := 0; scanned < scanBudget && len(p.Events) < q.Limit; {
		want := min(max(2*(q.Limit-len(p.Events)), 10), scanBudget-scanned)
		evs, err := tx.Timeline(a.row.NID, at, to, q.Backwards, want, a.until)
		if err != nil {
			return Page{}, err
		}
		used, err := a.take(ctx, &p, evs, q)
		if err != nil {
			return Page{}, err
		}
		scanned += len(evs)
		if used > 0 {
			at = beyond(evs[used-1], q.Backwards)
		}
		if len(evs) < want && used == len(evs) {
			return p.finish(ctx, a, q)
		}
	}
	p.End = pageToken(at)
	return p.finish(ctx, a, q)
}

func beyond(st storage.StoredEvent, backwards bool) storage.Edge {
	if backwards {
		return before(st)
	}
	return after(st)
}

// take adds what is visible and asked for, up to the limit, and says how many of
// evs it went through.
func (a *access) take(ctx context.Context, p *Page, evs []storage.StoredEvent, q MessagesRequest) (int, error) {
	var seen []storage.StoredEvent
	used := 0
	for _, st := range evs {
		if len(p.Events)+len(seen) >= q.Limit {
			break
		}
		used++
		ok, _, err := a.sees(ctx, st)
		if err != nil {
			return 0, err
		}
		if ok && (q.Filter == nil || q.Filter.Match(st.Event)) {
			seen = append(seen, st)
		}
	}
	vis, err := a.filter(ctx, seen)
	p.Events = append(p.Events, vis...)
	return used, err
}

func (p Page) finish(ctx context.Context, a *access, q MessagesRequest) (Page, error) {
	if q.Filter == nil || !q.Filter.LazyLoadMembers || len(p.Events) == 0 {
		return p, nil
	}
	state, err := a.senders(ctx, p.Events)
	p.State = state
	return p, err
}

// senders are the member events of the senders, at the newest of the events: what
// a client that loads members lazily needs to show them.
func (a *access) senders(ctx context.Context, evs []Visible) ([]Visible, error) {
	newest := evs[0]
	for _, v := range evs {
		if v.Topo > newest.Topo {
			newest = v
		}
	}
	done := map[string]bool{}
	var out []Visible
	for _, v := range evs {
		if done[v.From()] {
			continue
		}
		done[v.From()] = true
		e, err := a.v.lookup(ctx, newest.before, "m.room.member", v.From())
		if err != nil {
			return nil, err
		}
		if e.ev == nil {
			// The sender's own join is the event itself.
			continue
		}
		out = append(out, Visible{Event: e.ev, NID: e.nid})
	}
	return out, nil
}

// currentRoot is the state that the reader sees as the room's: today's, or that of
// when they left.
func (a *access) currentRoot(tx *storage.ReadTx) (statetrie.Root, error) {
	if a.until == 0 {
		return statetrie.Root(a.row.StateRoot), nil
	}
	root, err := tx.StateRootAt(a.row.NID, a.until)
	return statetrie.Root(root), err
}
