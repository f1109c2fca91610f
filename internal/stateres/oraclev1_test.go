package stateres

import (
	"crypto/sha1"
	"maps"
	"slices"
	"strings"

	"github.com/chancery-im/chancery/internal/authrules"
)

// v1 is the text of room version 1.
func (o oracle) v1(sets []state) state {
	lists := map[Key][]string{}
	for _, s := range sets {
		for k, id := range s {
			if !slices.Contains(lists[k], id) {
				lists[k] = append(lists[k], id)
			}
		}
	}
	r := state{}
	for k, l := range lists {
		slices.SortFunc(l, func(x, y string) int {
			if a, b := o.w.events[x].Height(), o.w.events[y].Height(); a != b {
				return int(a - b)
			}
			a, b := sha1.Sum([]byte(x)), sha1.Sum([]byte(y))
			return -strings.Compare(string(a[:]), string(b[:]))
		})
		if len(l) == 1 {
			r[k] = l[0]
			delete(lists, k)
		}
	}
	for _, kind := range []string{"m.room.power_levels", "m.room.join_rules", "m.room.member"} {
		picked := state{}
		for k, l := range lists {
			if k.Kind != kind {
				continue
			}
			s := maps.Clone(r)
			for i, id := range l {
				if i > 0 && authrules.Check(o.w.events[id], o.w.stateOf(s), nil) != nil {
					break
				}
				s[k] = id
			}
			picked[k] = s[k]
			delete(lists, k)
		}
		maps.Copy(r, picked)
	}
	for k, l := range lists {
		r[k] = l[0]
		for _, id := range slices.Backward(l) {
			s := maps.Clone(r)
			delete(s, k)
			if authrules.Check(o.w.events[id], o.w.stateOf(s), nil) == nil {
				r[k] = id
				break
			}
		}
	}
	return r
}
