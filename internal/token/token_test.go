package token_test

import (
	"testing"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/internal/token"
)

func TestTokensComeBackAsTheyWent(t *testing.T) {
	s, err := token.Parse(token.Sync(5, 1700, 3))
	if err != nil || s.IsPage() || s.Pos != 5 || s.Epoch != 1700 || s.N != 3 {
		t.Errorf("%+v, %v", s, err)
	}
	p, err := token.Parse(token.Page(7, 9))
	if err != nil || !p.IsPage() || p.Topo != 7 || p.NID != 9 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestWhatIsNoTokenIsRefused(t *testing.T) {
	for _, s := range []string{"", "s1", "s1_", "s1_5", "s1_5_6", "s1_5_6.", "s1_-5_6.7", "s1_05_6.7", "s1_5_6.7.8", "t1_5", "t1_5_", "t1_5_6_7_8", "t1_5_6_0", "t1_5_6_", "t1_x_6", "s2_5_6.7", "t1_99999999999999999999_1", "s5_6"} {
		if got, err := token.Parse(s); !matrixerr.Is(err, "M_INVALID_PARAM") {
			t.Errorf("%q: %+v, %v", s, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(token.Sync(1, 2, 3))
	f.Add(token.Page(1, 2))
	f.Fuzz(func(t *testing.T, s string) {
		tok, err := token.Parse(s)
		if err != nil {
			return
		}
		again := token.Sync(tok.Pos, tok.Epoch, tok.N)
		switch {
		case tok.IsPage() && tok.Pos > 0:
			again = token.PageAt(tok.Topo, tok.NID, tok.Pos)
		case tok.IsPage():
			again = token.Page(tok.Topo, tok.NID)
		}
		if again != s {
			t.Errorf("%q was read as %q", s, again)
		}
	})
}
