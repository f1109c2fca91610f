package roomserver

import (
	"context"
	"errors"
	"fmt"

	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/internal/statetrie"
	"github.com/chancery-im/chancery/storage"
)

// ErrMissing says that events which this one rests on are not here.
type ErrMissing struct {
	Prev, Auth []string
}

func (e *ErrMissing) Error() string {
	return fmt.Sprintf("roomserver: %d prev and %d auth events are missing", len(e.Prev), len(e.Auth))
}

// Received is what became of an event from elsewhere.
type Received struct {
	Known      bool // it was here already
	Rejected   bool
	SoftFailed bool
	Reason     string
}

// Receive takes in a new event of a room that is here, whose signatures and hash
// are checked (that is what an *event.Event is). With *ErrMissing nothing was
// stored: the caller fetches what is named, hands it in, and comes again.
func (s *Server) Receive(ctx context.Context, ev *event.Event) (Received, error) {
	return s.receive(ctx, ev, KindNew, nil)
}

// ReceiveOutlier takes in an event for its use as an auth event: it gets no state
// and no place in the timeline.
func (s *Server) ReceiveOutlier(ctx context.Context, ev *event.Event) (Received, error) {
	return s.receive(ctx, ev, KindOutlier, nil)
}

// ReceiveOld takes in an event of the past with the state before it, given as the
// event ids that make it up, which must all be here.
func (s *Server) ReceiveOld(ctx context.Context, ev *event.Event, state []string) (Received, error) {
	if state == nil {
		state = []string{}
	}
	return s.receive(ctx, ev, KindOld, state)
}

func (s *Server) receive(ctx context.Context, ev *event.Event, kind Kind, state []string) (Received, error) {
	var got Received
	err := s.write(ctx, ev.Room(), func(b *batch) error {
		in, known, err := b.incoming(ctx, ev, kind)
		if err != nil || known {
			got = Received{Known: known}
			return err
		}
		if state != nil {
			root, err := b.stateOf(ctx, state)
			if err != nil {
				return err
			}
			in.before = &root
		}
		judged, err := b.accept(ctx, in)
		got = Received{Rejected: judged.Rejected(), SoftFailed: judged.SoftFailed(), Reason: judged.Reason()}
		return err
	})
	return got, err
}

// incoming gathers what accept needs of an event from elsewhere, and checks that
// what it rests on is here.
func (b *batch) incoming(ctx context.Context, ev *event.Event, kind Kind) (incoming, bool, error) {
	if ev.Rules() != b.rm.rules {
		return incoming{}, false, matrixerr.New(400, "M_INCOMPATIBLE_ROOM_VERSION", "The event is of another room version")
	}
	switch st, err := b.find(ctx, ev.ID()); {
	case err == nil && (st.Flags&storage.FlagOutlier == 0 || kind == KindOutlier):
		return incoming{}, true, nil
	case err != nil && !errors.Is(err, storage.ErrNotFound):
		return incoming{}, false, err
	case err == nil:
		// An outlier gets its place now.
		b.outlier = st.NID
	}
	auth, err := b.storedByID(ctx, ev.Auth())
	if err != nil {
		return incoming{}, false, err
	}
	missing := &ErrMissing{}
	in := incoming{ev: ev, kind: kind, auth: []*event.Event{}}
	rejected := map[string]bool{}
	for _, id := range ev.Auth() {
		st, ok := auth[id]
		if !ok {
			missing.Auth = append(missing.Auth, id)
			continue
		}
		in.auth = append(in.auth, st.Event)
		rejected[id] = st.Flags&storage.FlagRejected != 0
	}
	in.rejected = func(id string) bool { return rejected[id] }
	if kind == KindNew {
		if missing.Prev, err = b.missing(ctx, ev.Prev()); err != nil {
			return in, false, err
		}
	}
	if len(missing.Prev)+len(missing.Auth) > 0 {
		return in, false, missing
	}
	return in, false, nil
}

// missing are those of the events that are not in the graph: absent, or known as
// outliers only.
func (b *batch) missing(ctx context.Context, ids []string) ([]string, error) {
	have, err := b.storedByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, id := range ids {
		if st, ok := have[id]; !ok || st.Flags&storage.FlagOutlier != 0 {
			out = append(out, id)
		}
	}
	return out, nil
}

// stateOf builds a state from the ids of its events.
func (b *batch) stateOf(ctx context.Context, ids []string) (statetrie.Root, error) {
	evs, err := b.storedByID(ctx, ids)
	if err != nil {
		return 0, err
	}
	var changes []statetrie.Change
	missing := &ErrMissing{}
	for _, id := range ids {
		st, ok := evs[id]
		if !ok {
			missing.Auth = append(missing.Auth, id)
			continue
		}
		key, isState := st.Event.Key()
		if !isState || st.Flags&storage.FlagRejected != 0 {
			continue
		}
		changes = append(changes, statetrie.Change{Kind: st.Event.Kind(), Key: key, Event: st.NID})
	}
	if len(missing.Auth) > 0 {
		return 0, missing
	}
	return b.v.trie().Set(ctx, 0, changes, b.v.keep)
}
