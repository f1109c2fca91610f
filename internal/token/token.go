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
	// Pos is the stream position of a sync token. Epoch and N are of what is not
	// stored change by change.
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
		ok = ok && number(a, &t.Topo) && number(b, &t.NID)
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
