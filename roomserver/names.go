package roomserver

import (
	"context"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/pushrules"
	"github.com/chancery-im/chancery/storage"
)

// nameIndex finds whose name may be in a text: by the first word of the name. Only
// servers that look for mentions in the body of messages have one.
type nameIndex struct {
	byWord map[string][]string // first word in lower case → users
	odd    []string            // whose name begins with no word
}

// namedInBody are the local members with a name that the body may mention; their rules
// decide.
func (b *batch) namedInBody(ctx context.Context, facts *pushrules.Facts) ([]string, error) {
	body := gjson.GetBytes(facts.Event.Body(), "body")
	if !b.s.rules.bodyMentions || body.Type != gjson.String {
		return nil, nil
	}
	names := b.rm.audience.names
	if names == nil {
		var err error
		if names, err = b.loadNames(ctx); err != nil {
			return nil, err
		}
		b.rm.audience.names = names
	}
	seen := map[string]bool{}
	out := append([]string(nil), names.odd...)
	for _, w := range strings.FieldsFunc(strings.ToLower(body.Str), notWord) {
		if seen[w] {
			continue
		}
		seen[w] = true
		out = append(out, names.byWord[w]...)
	}
	return unique(out), nil
}

func unique(users []string) []string {
	seen := map[string]bool{}
	out := users[:0]
	for _, u := range users {
		if !seen[u] {
			seen[u] = true
			out = append(out, u)
		}
	}
	return out
}

func (b *batch) loadNames(ctx context.Context) (*nameIndex, error) {
	var list []storage.NamedMember
	err := b.v.read(ctx, func(tx *storage.ReadTx) (err error) {
		list, err = tx.NamedMembers(b.rm.nid, b.s.name)
		return err
	})
	if err != nil {
		return nil, err
	}
	idx := &nameIndex{byWord: map[string][]string{}}
	for _, m := range list {
		idx.add(m.User, gjson.GetBytes(m.JSON, "content.displayname").Str)
	}
	for _, f := range b.rm.flight {
		for _, u := range f.members {
			m, err := b.get(ctx, "m.room.member", u)
			if err != nil {
				return nil, err
			}
			if membership(m.ev) == "join" {
				idx.add(u, gjson.GetBytes(m.ev.Body(), "displayname").Str)
			}
		}
	}
	return idx, nil
}

func (x *nameIndex) add(user, display string) {
	for _, name := range []string{id.LocalpartOf(user), display} {
		lower := strings.ToLower(name)
		end := strings.IndexFunc(lower, notWord)
		switch {
		case lower == "":
		case end == 0:
			x.odd = append(x.odd, user)
		case end < 0:
			x.byWord[lower] = append(x.byWord[lower], user)
		default:
			x.byWord[lower[:end]] = append(x.byWord[lower[:end]], user)
		}
	}
}

func notWord(r rune) bool {
	return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
}
