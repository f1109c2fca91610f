package roomserver

import (
	"context"
	"errors"

	"github.com/chancery-im/chancery/internal/authrules"
	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/statetrie"
	"github.com/chancery-im/chancery/storage"
)

// Kind is how an event enters a room.
type Kind int

const (
	// KindNew: all checks; it enters the timeline, may change the state, and rings.
	KindNew Kind = iota
	// KindOutlier: signatures and auth events only. No state, no timeline, no ring.
	KindOutlier
	// KindOld: backfill. State before it and the timeline, but no position and no ring.
	KindOld
)

// incoming is an event at the mouth of accept, with what is known of its place.
type incoming struct {
	ev   *event.Event
	kind Kind
	// before is the state before it, when the caller has it (backfill brings it,
	// a local event is built on it); else it is resolved from its prev events.
	before *statetrie.Root
	// auth are the events that it names as its auth events; nil for a local
	// event, which was built from the very state it is checked against.
	auth     []*event.Event
	txn      *storage.TxnRow
	rejected func(id string) bool
}

// accept is the one path of an event into a room. It runs under the room lock and
// adds rows to the batch; nothing is stored before the batch is committed. The
// steps are those of "Checks performed on receipt of a PDU" (server-server API);
// 1 to 3 (format, signatures, hash) are behind the type of ev.
func (b *batch) accept(ctx context.Context, in incoming) (authrules.Judged, error) {
	before, err := b.stateBefore(ctx, in)
	if err != nil {
		return authrules.Judged{}, err
	}
	judged, err := b.judge(ctx, in, before) // 4, 5 and 6
	if err != nil {
		return judged, err
	}
	nid, err := b.s.eventNID(ctx)
	if err != nil {
		return judged, err
	}
	b.rev = nid
	if b.outlier != 0 {
		nid = b.outlier // an outlier keeps its number when it gets its place
	}
	row := storage.EventRow{NID: nid, Judged: judged, StateBefore: int64(before), JSON: in.ev.Bytes(), Flags: flagsOf(in.kind, judged)}
	standing := in.kind != KindOutlier && row.Flags&(storage.FlagRejected|storage.FlagSoftFailed) == 0
	if standing && in.kind == KindNew {
		if err := b.push(ctx, in.ev, &row); err != nil {
			return judged, err
		}
	}
	b.know(entry{nid, in.ev}, row)
	if err := b.placeInAuthChain(ctx, in.ev, nid); err != nil {
		return judged, err
	}
	if standing {
		b.timeline(&row, in)
		if in.txn != nil {
			in.txn.Event = nid
			b.set.Txns = append(b.set.Txns, *in.txn)
		}
	}
	b.set.Events = append(b.set.Events, row)
	if !standing {
		return judged, nil
	}
	if err := b.applyRedactions(ctx, in, nid); err != nil {
		return judged, err
	}
	if b.wasPruned(nid) {
		in.ev = in.ev.Redact() // its redaction was here first
	}
	if in.kind == KindNew {
		return judged, b.advance(ctx, in, entry{nid, in.ev}, before)
	}
	return judged, nil
}

func flagsOf(k Kind, j authrules.Judged) int64 {
	var f int64
	if k == KindOutlier {
		f |= storage.FlagOutlier
	}
	if j.Rejected() {
		f |= storage.FlagRejected
	}
	if j.SoftFailed() {
		f |= storage.FlagSoftFailed
	}
	return f
}

// timeline gives the event its place in the room's order. A new event comes after
// all that are here, whatever depth it claims, so that /sync and /messages agree;
// an old one stands where its depth says.
func (b *batch) timeline(row *storage.EventRow, in incoming) {
	if in.kind == KindOld {
		row.Topo = max(in.ev.Height(), 1)
		return
	}
	b.head.topo = max(in.ev.Height(), b.head.topo+1)
	row.Topo, row.New = b.head.topo, true
}

// stateBefore is the state before the event: what the caller says, else the
// states after its prev events, resolved.
func (b *batch) stateBefore(ctx context.Context, in incoming) (statetrie.Root, error) {
	if in.kind == KindOutlier {
		return 0, nil
	}
	if in.before != nil {
		return *in.before, nil
	}
	if b.prevAreTips(in.ev) {
		return b.head.root, nil
	}
	roots, err := b.statesAfter(ctx, in.ev.Prev())
	if err != nil {
		return 0, err
	}
	return b.resolve(ctx, roots)
}

// prevAreTips: the event was made on exactly our extremities, so that the state
// before it is the current state.
func (b *batch) prevAreTips(e *event.Event) bool {
	if len(e.Prev()) != len(b.head.tips) {
		return false
	}
	for _, t := range b.head.tips {
		if !contains(e.Prev(), t.ref.ID) {
			return false
		}
	}
	return true
}

// statesAfter are the states after these events, which must all be here with
// their state known. A rejected event leaves the state as it was.
func (b *batch) statesAfter(ctx context.Context, ids []string) ([]statetrie.Root, error) {
	var roots []statetrie.Root
	var rest []string
	for _, id := range ids {
		if t := b.tip(id); t != nil {
			roots = append(roots, t.after)
		} else {
			rest = append(rest, id)
		}
	}
	if len(rest) == 0 {
		return roots, nil
	}
	var stored map[string]storage.StoredEvent
	err := b.v.read(ctx, func(tx *storage.ReadTx) (err error) {
		stored, err = tx.EventsByID(b.rm.nid, rest)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, id := range rest {
		st, ok := stored[id]
		if p, pending := b.pendingRow(id); pending {
			st, ok = p, true
		}
		if !ok || st.Flags&storage.FlagOutlier != 0 {
			return nil, errNoState
		}
		after, err := b.v.stateAfter(ctx, st)
		if err != nil {
			return nil, err
		}
		roots = append(roots, after)
	}
	return roots, nil
}

// judge runs steps 4 to 6: auth against the auth events, against the state before
// the event, and against the current state.
func (b *batch) judge(ctx context.Context, in incoming, before statetrie.Root) (authrules.Judged, error) {
	current := b.stateReader(ctx, b.head.root)
	var judged authrules.Judged
	switch {
	case in.auth == nil && before == b.head.root:
		judged = authrules.AcceptOwn(in.ev, current, b.powerLevels(ctx))
	case in.kind == KindOutlier:
		judged = authrules.AcceptOutlier(in.ev, in.auth, in.rejected, current.Get("m.room.create", ""))
	case in.kind == KindOld:
		judged = authrules.Accept(in.ev, in.auth, in.rejected, b.stateReader(ctx, before), nil)
	default:
		judged = authrules.Accept(in.ev, in.auth, in.rejected, b.stateReader(ctx, before), current)
	}
	return judged, b.readErr
}

// advance moves the room's head past an accepted new event: extremities, current
// state and everything that is derived from it.
func (b *batch) advance(ctx context.Context, in incoming, e entry, before statetrie.Root) error {
	after := before
	key, isState := in.ev.Key()
	if isState {
		var err error
		if after, err = b.v.setState(ctx, before, in.ev.Kind(), key, e.nid); err != nil {
			return err
		}
	}
	b.head.tips = append(withoutTips(b.head.tips, in.ev.Prev()), tip{e.nid, in.ev.Ref(), in.ev.Height(), after})
	if before == b.head.root && len(b.head.tips) == 1 {
		if !isState {
			return nil
		}
		old, err := b.get(ctx, in.ev.Kind(), key)
		if err != nil {
			return err
		}
		b.head.root = after
		return b.stateChanged(ctx, authrules.Tuple{Kind: in.ev.Kind(), Key: key}, old, e)
	}
	roots := make([]statetrie.Root, len(b.head.tips))
	for i, t := range b.head.tips {
		roots[i] = t.after
	}
	root, err := b.resolve(ctx, roots)
	if err != nil {
		return err
	}
	return b.moveState(ctx, root)
}

func withoutTips(tips []tip, ids []string) []tip {
	out := make([]tip, 0, len(tips)+1)
	for _, t := range tips {
		if !contains(ids, t.ref.ID) {
			out = append(out, t)
		}
	}
	return out
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// errTooManyTries: the room kept moving; nothing was written.
var errTooManyTries = errors.New("roomserver: the room did not stand still")
