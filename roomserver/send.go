package roomserver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"

	"github.com/chancery-im/chancery/internal/authrules"
	"github.com/chancery-im/chancery/internal/canonicaljson"
	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/internal/policy"
	"github.com/chancery-im/chancery/storage"
)

// maxTries is how often a write is rebuilt after the room moved under it.
const maxTries = 8

// Send builds, signs and stores an event of a local user, and returns once it is
// durable. A transaction id that was seen before gives the first event again. A
// state event that changes nothing gives the event that is there.
func (s *Server) Send(ctx context.Context, d Draft) (Sent, error) {
	if err := s.policy.Decide(ctx, policy.Actor{User: d.Sender}, policy.Send, policy.Object{Room: d.RoomID, EventType: d.Type}); err != nil {
		return Sent{}, err
	}
	if sent, ok, err := s.seenTxn(ctx, d.Sender, d.Txn); ok || err != nil {
		return sent, err
	}
	return s.sendTxn(ctx, d, func(b *batch) (Sent, error) { return b.sendOnce(ctx, d) })
}

// sendTxn runs a write with a transaction id. The id may turn up in the database
// while we try: by a request that came before us, which is then the answer.
func (s *Server) sendTxn(ctx context.Context, d Draft, fn func(*batch) (Sent, error)) (Sent, error) {
	var sent Sent
	var failed error
	err := s.write(ctx, d.RoomID, func(b *batch) (err error) {
		sent, err = fn(b)
		failed = err
		return err
	})
	if err == nil || failed != nil {
		return sent, err
	}
	if err = hidden(err); err == errNotInRoom {
		return Sent{}, err
	}
	if again, ok, rerr := s.seenTxn(ctx, d.Sender, d.Txn); ok && rerr == nil {
		return again, nil
	}
	return Sent{}, err
}

// sendOnce adds the draft to the batch, unless the room holds what it asks for.
func (b *batch) sendOnce(ctx context.Context, d Draft) (Sent, error) {
	if sent, ok := b.repeated(d); ok {
		return sent, nil
	}
	if d.Type != "m.room.member" { // which is how one comes in
		if err := b.mustBeIn(ctx, d.Sender); err != nil {
			return Sent{}, err
		}
	}
	if err := b.checkGuest(ctx, d); err != nil {
		return Sent{}, err
	}
	if d.StateKey != nil {
		same, err := b.unchanged(ctx, d)
		if err != nil || same != "" {
			return Sent{EventID: same, Repeat: true}, err
		}
	}
	if d.Type == "m.room.canonical_alias" && d.StateKey != nil && *d.StateKey == "" {
		if err := b.checkAliases(ctx, d.Content); err != nil {
			return Sent{}, err
		}
	}
	ev, err := b.add(ctx, d)
	if err != nil {
		return Sent{}, err
	}
	return Sent{EventID: ev.ID()}, nil
}

// repeated finds the draft's transaction id among what is in flight or was
// committed lately.
func (b *batch) repeated(d Draft) (Sent, bool) {
	if d.Txn.ID == "" {
		return Sent{}, false
	}
	key := d.Txn.key(d.Sender)
	if f := b.rm.over.txns[key]; f != nil {
		b.join(f)
		return Sent{EventID: f.eventOf(key), Repeat: true}, true
	}
	id, ok := b.rm.recent[key]
	return Sent{EventID: id, Repeat: true}, ok
}

// unchanged is the id of the current state event when the draft is its equal:
// same sender, same content. Clients repeat state, and a copy would tell nobody
// anything.
func (b *batch) unchanged(ctx context.Context, d Draft) (string, error) {
	cur, err := b.get(ctx, d.Type, *d.StateKey)
	if err != nil || cur.ev == nil || cur.ev.From() != d.Sender {
		return "", err
	}
	canonical, err := canonicaljson.Append(nil, d.Content, false)
	if err != nil || !bytes.Equal(canonical, cur.ev.Body()) {
		return "", nil //nolint:nilerr // bad content is named when the event is built
	}
	if f := b.rm.inFlight(cur.nid); f != nil {
		b.join(f)
	}
	return cur.ev.ID(), nil
}

// add builds, signs and accepts one event of ours at the head of the room.
func (b *batch) add(ctx context.Context, d Draft) (*event.Event, error) {
	ev, err := b.build(ctx, d)
	if err != nil {
		return nil, err
	}
	before := b.head.root
	in := incoming{ev: ev, kind: KindNew, before: &before}
	if d.Txn.ID != "" {
		in.txn = d.Txn.row(d.Sender, b.s.now())
	}
	judged, err := b.accept(ctx, in)
	if err != nil {
		return nil, err
	}
	if judged.Rejected() || judged.SoftFailed() {
		return nil, matrixerr.Forbidden(judged.Reason())
	}
	return ev, nil
}

// maxPrev is how many extremities a new event of ours names; the specification
// allows 20.
const maxPrev = 10

// build makes the event from the draft and the room's head, and signs it.
func (b *batch) build(ctx context.Context, d Draft) (*event.Event, error) {
	t := event.Template{RoomID: d.RoomID, Type: d.Type, Sender: d.Sender, StateKey: d.StateKey,
		Content: d.Content, Redacts: d.Redacts, Depth: 1, OriginServerTS: d.Timestamp}
	if t.OriginServerTS == 0 {
		t.OriginServerTS = b.s.now()
	}
	for i, tp := range b.head.tips {
		if i >= maxPrev {
			break
		}
		t.PrevEvents = append(t.PrevEvents, tp.ref)
		t.Depth = min(max(t.Depth, tp.depth+1), maxDepth)
	}
	for _, need := range authrules.NeededFor(b.rm.rules, d.Type, d.StateKey, d.Sender, d.Content) {
		e, err := b.get(ctx, need.Kind, need.Key)
		if err != nil {
			return nil, err
		}
		if e.ev != nil {
			t.AuthEvents = append(t.AuthEvents, e.ev.Ref())
		}
	}
	ev, err := b.s.signer.SignOwn(b.rm.rules.Version, t)
	var format *event.FormatError
	if errors.As(err, &format) {
		return nil, matrixerr.New(statusOf(format.Code), format.Code, format.Reason)
	}
	return ev, err
}

// maxDepth is the largest integer of canonical JSON.
const maxDepth = 1<<53 - 1

func statusOf(code string) int {
	if code == "M_TOO_LARGE" {
		return 413
	}
	return 400
}

// write locks the room, lets fn fill a batch, and waits until it is durable. It
// starts again when the room moved on meanwhile. fn may run several times.
func (s *Server) write(ctx context.Context, roomID string, fn func(*batch) error) error {
	for range maxTries {
		if err := ctx.Err(); err != nil {
			return err
		}
		rm, err := s.lockRoom(ctx, roomID)
		if err != nil {
			return err
		}
		b := s.begin(rm)
		if err = fn(b); err == nil {
			err = b.showGuestsOut(ctx)
		}
		f, err := b.finish(err)
		rm.mu.Unlock()
		if err != nil {
			return err
		}
		if err = s.await(rm, b, f); !errors.Is(err, storage.ErrMoved) {
			return err
		}
		// What was in flight behind the set that failed will fail as well; the
		// room is read anew once that is through.
		if err := s.db.Write(ctx, func(*storage.Tx) error { return nil }); err != nil {
			return err
		}
	}
	return errTooManyTries
}

// finish enqueues the batch, or takes it back. With nothing to store it returns
// the flight to wait for, if the answer depends on one.
func (b *batch) finish(err error) (*flight, error) {
	if err == nil {
		err = b.readErr
	}
	if err != nil {
		b.abandon()
		return nil, err
	}
	if len(b.set.Events) == 0 {
		return b.waitFor, nil
	}
	return b.enqueue(), nil
}

// await waits for the disk. It does not give up when the client does: the room
// must learn what became of the set.
func (s *Server) await(rm *room, b *batch, f *flight) error {
	if f == nil {
		return nil
	}
	if f != b.fl {
		if <-f.done; f.err != nil {
			return storage.ErrMoved
		}
		return nil
	}
	f.err = f.pending.Wait(context.Background())
	close(f.done)
	if f.err == nil {
		s.remember(f)
	}
	for _, nid := range f.pruned {
		s.events.drop(nid)
	}
	if f.err != nil {
		rm.mu.Lock()
		rm.dead = true
		rm.mu.Unlock()
		s.dropRoom(rm)
	}
	return f.err
}

// remember keeps the state events of a set that is stored: what comes next rests on
// them. Messages are not worth the room.
func (s *Server) remember(f *flight) {
	for _, e := range f.events {
		if _, isState := e.ev.Key(); isState {
			s.events.put(e.nid, e.ev, f.gen)
		}
	}
}

// join makes the answer depend on a set that is in flight already.
func (b *batch) join(f *flight) { b.waitFor = f }

func (rm *room) inFlight(nid int64) *flight {
	for _, f := range rm.flight {
		for _, e := range f.events {
			if e.nid == nid {
				return f
			}
		}
	}
	return nil
}

// key is what makes two requests the same: 16 bytes of a hash over user, device,
// path and transaction id, each with its length.
func (t Txn) key(user string) (k [16]byte) {
	sum := hashParts(user, t.Device, t.Path, t.ID)
	copy(k[:], sum[:])
	return k
}

func (t Txn) row(user string, now int64) *storage.TxnRow {
	return &storage.TxnRow{Key: t.key(user), Device: deviceHash(user, t.Device), TxnID: t.ID, TS: now}
}

func deviceHash(user, device string) (h [8]byte) {
	sum := hashParts(user, device)
	copy(h[:], sum[:])
	return h
}

func hashParts(parts ...string) [32]byte {
	h := sha256.New()
	for _, p := range parts {
		n := len(p)
		h.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		h.Write([]byte(p))
	}
	return [32]byte(h.Sum(nil))
}

func (f *flight) eventOf(key [16]byte) string {
	for i, k := range f.txns {
		if k == key {
			return f.txnEvents[i]
		}
	}
	return ""
}

// seenTxn is the event of a transaction id that is committed already.
func (s *Server) seenTxn(ctx context.Context, user string, t Txn) (Sent, bool, error) {
	if t.ID == "" {
		return Sent{}, false, nil
	}
	var sent Sent
	err := s.db.Peek(ctx, func(tx *storage.ReadTx) error {
		_, id, err := tx.TxnEvent(t.key(user))
		sent = Sent{EventID: id, Repeat: true}
		return err
	})
	if errors.Is(err, storage.ErrNotFound) {
		return Sent{}, false, nil
	}
	return sent, err == nil, err
}

// eventNID is the next event number. Numbers are leased in blocks: gaps are normal.
func (s *Server) eventNID(ctx context.Context) (int64, error) { return s.db.NextIDs(ctx, "event", 1) }

// object marshals values that cannot fail to marshal.
func object(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
