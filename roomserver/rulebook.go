package roomserver

import (
	"context"
	"math"
	"sync"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/pushrules"
	"github.com/chancery-im/chancery/storage"
)

// ruleBook holds push rules, ready to be applied: of everybody, and of users who
// changed theirs. gen counts changes, so that what was read before one is known to be
// old.
type ruleBook struct {
	bodyMentions bool
	everybody    *pushrules.Compiled

	mu     sync.Mutex
	gen    uint64
	last   int64              // position of the last change
	people map[string]*person // nil: nothing is unusual
}

// person is a user whose rules differ from the predefined ones, or who ignores
// somebody.
type person struct {
	rules   *pushrules.Compiled
	ignores map[string]bool
}

// maxPeople bounds the users whose rules are kept.
const maxPeople = 20000

func newRuleBook(bodyMentions bool) *ruleBook {
	b := &ruleBook{bodyMentions: bodyMentions, people: map[string]*person{}}
	// Of nobody in particular: what does not depend on who reads.
	b.everybody = b.usual("")
	return b
}

// usual are the rules of a user who changed none.
func (b *ruleBook) usual(user string) *pushrules.Compiled {
	c, err := pushrules.Parse(nil, b.bodyMentions)
	if err != nil {
		panic(err) // nothing was parsed
	}
	return pushrules.Compile(user, c.Effective(user))
}

// forget drops users whose rules changed.
func (b *ruleBook) forget(users []string, pos int64) {
	if len(users) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gen++
	b.last = max(b.last, pos)
	for _, u := range users {
		delete(b.people, u)
	}
}

func (b *ruleBook) generation() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.gen
}

// neverKept is the generation of what was read from a snapshot of before the last
// change.
const neverKept = math.MaxUint64

// generationOf is the generation that a snapshot shows: one that began before a change
// and is read after it must not bring the old rules back.
func (b *ruleBook) generationOf(tx *storage.ReadTx) (uint64, error) {
	b.mu.Lock()
	gen, last := b.gen, b.last
	b.mu.Unlock()
	pos, err := tx.Position()
	if pos < last {
		gen = neverKept
	}
	return gen, err
}

// person reads what is stored of a user. What was read before a change is not kept.
func (b *ruleBook) person(u storage.Unusual, gen uint64) (*person, error) {
	b.mu.Lock()
	p, ok := b.people[u.User]
	b.mu.Unlock()
	if ok && p != nil {
		return p, nil
	}
	c, err := pushrules.Parse(u.Rules, b.bodyMentions)
	if err != nil {
		return nil, err
	}
	p = &person{rules: pushrules.Compile(u.User, c.Effective(u.User)), ignores: map[string]bool{}}
	gjson.GetBytes(u.Ignores, "ignored_users").ForEach(func(k, _ gjson.Result) bool {
		p.ignores[k.Str] = true
		return true
	})
	b.keep(u.User, p, gen)
	return p, nil
}

func (b *ruleBook) keep(user string, p *person, gen uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gen != gen {
		return
	}
	if len(b.people) >= maxPeople {
		clear(b.people)
	}
	b.people[user] = p
}

// personOf is what is unusual about a user; nil when nothing is.
func (s *Server) personOf(tx *storage.ReadTx, user string) (*person, error) {
	s.rules.mu.Lock()
	p, ok := s.rules.people[user]
	s.rules.mu.Unlock()
	if ok {
		return p, nil
	}
	gen, err := s.rules.generationOf(tx)
	if err != nil {
		return nil, err
	}
	list, err := tx.UnusualUsers([]string{user})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		s.rules.keep(user, nil, gen)
		return nil, nil
	}
	return s.rules.person(list[0], gen)
}

// audience are the joined local members of a room whose rules are unusual, as of a
// generation of the rule book.
type audience struct {
	loaded  bool
	gen     uint64
	members map[string]*person
	moved   map[string]bool // whose membership changed since
	names   *nameIndex
}

// changed notes whose member event changed: they are looked at again before the next
// event.
func (a *audience) changed(users []string) {
	if len(users) == 0 || !a.loaded {
		return
	}
	a.names = nil
	for _, u := range users {
		a.moved[u] = true
	}
}

// unusual are the members with rules of their own.
func (b *batch) unusual(ctx context.Context) (map[string]*person, error) {
	a := &b.rm.audience
	gen := b.s.rules.generation()
	if !a.loaded || a.gen != gen {
		if err := b.loadAudience(ctx, gen); err != nil {
			return nil, err
		}
	}
	return a.members, b.lookAgain(ctx, gen)
}

func (b *batch) loadAudience(ctx context.Context, gen uint64) error {
	var list []storage.Unusual
	err := b.v.read(ctx, func(tx *storage.ReadTx) (err error) {
		list, err = tx.UnusualMembers(b.rm.nid)
		return err
	})
	if err != nil {
		return err
	}
	a := audience{loaded: true, gen: gen, members: map[string]*person{}, moved: map[string]bool{}}
	for _, u := range list {
		if a.members[u.User], err = b.s.rules.person(u, gen); err != nil {
			return err
		}
	}
	for _, f := range b.rm.flight {
		a.changed(f.members)
	}
	b.rm.audience = a
	return nil
}

// lookAgain brings the members up to date whose membership changed.
func (b *batch) lookAgain(ctx context.Context, gen uint64) error {
	a := &b.rm.audience
	if len(a.moved) == 0 {
		return nil
	}
	var here []string
	for u := range a.moved {
		delete(a.members, u)
		m, err := b.get(ctx, "m.room.member", u)
		if err != nil {
			return err
		}
		if membership(m.ev) == "join" {
			here = append(here, u)
		}
	}
	var list []storage.Unusual
	err := b.v.read(ctx, func(tx *storage.ReadTx) (err error) {
		list, err = tx.UnusualUsers(here)
		return err
	})
	if err != nil {
		return err
	}
	for _, u := range list {
		if a.members[u.User], err = b.s.rules.person(u, gen); err != nil {
			return err
		}
	}
	clear(a.moved)
	return nil
}

// IgnoredBy are the users whom a user does not want to hear. Do not change it.
func (s *Server) IgnoredBy(tx *storage.ReadTx, user string) (map[string]bool, error) {
	p, err := s.personOf(tx, user)
	if err != nil || p == nil {
		return nil, err
	}
	return p.ignores, nil
}
