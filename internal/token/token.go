// Package token writes and reads the positions that clients carry: "s1_<position>_
// <epoch>.<n>" of a sync, "t1_<topo>_<number>" of a page. A page token is a gap
// between two events of a room's timeline, compared strictly.
//
// It knows only their form; what a position means is for who reads.
package token

import (
	"strconv"
	"strings"

	"github.com/chancery-im/chancery/internal/matrixerr"
)

// Token is a position that came from a client.
type Token struct {
	page bool
	// Pos is the stream position of a sync token, and of a page token that a sync
	// gave; 0 of another. Epoch and N are of what is not stored change by change.
	Pos, Epoch, N int64
	// Topo and NID are the key of the event behind the gap.
	Topo, NID int64
}

// IsPage reports whether it is a gap in a timeline.
func (t Token) IsPage() bool { return t.page }

// Sync writes a sync token.
func Sync(pos, epoch, n int64) string {
	return "s1_" + itoa(pos) + "_" + itoa(epoch) + "." + itoa(n)
}

// Page writes a page token.
func Page(topo, nid int64) string { return "t1_" + itoa(topo) + "_" + itoa(nid) }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// PageAt writes a page token that also tells the stream position at which it was
// given: what a client that pages on from a sync knows of the room.
func PageAt(topo, nid, pos int64) string { return Page(topo, nid) + "_" + itoa(pos) }

// Parse reads either kind. What is neither is M_INVALID_PARAM.
func Parse(s string) (Token, error) {
	kind, rest, _ := strings.Cut(s, "_")
	a, b, two := strings.Cut(rest, "_")
	var t Token
	ok := two
	switch kind {
	case "s1":
		e, n, dot := strings.Cut(b, ".")
		ok = ok && dot && number(a, &t.Pos) && number(e, &t.Epoch) && number(n, &t.N)
	case "t1":
		t.page = true
		nid, pos, more := strings.Cut(b, "_")
		ok = ok && number(a, &t.Topo) && number(nid, &t.NID) && (!more || number(pos, &t.Pos) && t.Pos > 0)
	default:
		ok = false
	}
	if !ok {
		return Token{}, matrixerr.InvalidParam("Not a token of this server")
	}
	return t, nil
}

// number reads a canonical non-negative integer.
func number(s string, to *int64) bool {
	n, err := strconv.ParseInt(s, 10, 64)
	*to = n
	return err == nil && n >= 0 && itoa(n) == s
}
