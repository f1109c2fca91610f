package pushrules

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestPredefinedRulesAreSound(t *testing.T) {
	seen := map[string]bool{}
	for k, rules := range (Changes{}).Effective(`@"odd:test`) {
		for _, r := range rules {
			if seen[r.ID] || !strings.HasPrefix(r.ID, ".m.rule.") || !r.Default || r.Enabled == (r.ID == master) {
				t.Errorf("%s: %+v", k, r)
			}
			seen[r.ID] = true
			if raw, err := json.Marshal(r); err != nil || !json.Valid(raw) {
				t.Errorf("%s: %v", r.ID, err)
			}
		}
	}
	if len(seen) != 15 {
		t.Errorf("%d rules, the specification has 15", len(seen))
	}
}

func TestTheMasterRuleStandsBeforeTheUsersOwn(t *testing.T) {
	var c Changes
	none := []json.RawMessage{}
	for _, k := range Kinds {
		pattern := "x"
		if err := c.Put(k, "mine", New{Actions: &none, Pattern: &pattern}, "", ""); err != nil {
			t.Fatal(err)
		}
	}
	for k, rules := range c.Effective("@a:x") {
		at := 0
		if k == Override {
			at = 1
		}
		if rules[at].ID != "mine" {
			t.Errorf("%s: %s stands there", k, rules[at].ID)
		}
	}
}

// TestRulesKeepTheirOrder compares random changes with the plain list that they mean,
// through what is stored between them.
func TestRulesKeepTheirOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var stored []byte
	var want []string
	none := []json.RawMessage{}
	for range 3000 {
		c, err := Parse(stored, false)
		if err != nil {
			t.Fatal(err)
		}
		name, next := fmt.Sprint("r", r.IntN(12)), fmt.Sprint("r", r.IntN(12))
		at := slices.Index(want, name)
		switch r.IntN(4) {
		case 0:
			err = c.Delete(Room, name)
			if (err == nil) != (at >= 0) {
				t.Fatalf("deleting %s of %v: %v", name, want, err)
			}
			if err == nil {
				want = slices.Delete(want, at, at+1)
			}
		case 1:
			err = c.Put(Room, name, New{Actions: &none}, next, "")
			want = moved(t, want, name, next, 0, err)
		case 2:
			err = c.Put(Room, name, New{Actions: &none}, "", next)
			want = moved(t, want, name, next, 1, err)
		default:
			if err = c.Put(Room, name, New{Actions: &none}, "", ""); err != nil {
				t.Fatal(err)
			}
			if at < 0 {
				want = slices.Insert(want, 0, name)
			}
		}
		var got []string
		for _, rule := range c.Effective("@a:x")[Room] {
			got = append(got, rule.ID)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		if stored, err = json.Marshal(c); err != nil {
			t.Fatal(err)
		}
	}
}

func moved(t *testing.T, list []string, name, next string, by int, err error) []string {
	t.Helper()
	rest := slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == name })
	i := slices.Index(rest, next)
	if (err == nil) != (i >= 0) {
		t.Fatalf("moving %s to %s in %v: %v", name, next, list, err)
	}
	if err != nil {
		return list
	}
	return slices.Insert(rest, i+by, name)
}
