package authrules

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/chancery-im/chancery/internal/event"
)

// Refusal says which rule an event broke. Error is its reason.
type Refusal struct {
	Rule   string // room version and number of the rule there, like "v10/4.3.2"
	Reason string
}

func (r *Refusal) Error() string { return r.Reason }

// refuse names a rule by its number in room version 12, which is what the comments
// of this package use too; the answer has the number that the rule has in the
// event's own version.
func refuse(r *event.Rules, rule, format string, args ...any) error {
	return refuseAs(r, clause(r, rule), format, args...)
}

// refuseAs is refuse for a rule that version 12 does not have: rule is its number
// in the event's version.
func refuseAs(r *event.Rules, rule, format string, args ...any) error {
	return &Refusal{"v" + string(r.Version) + "/" + rule, fmt.Sprintf(format, args...)}
}

// clause translates a rule's number from room version 12 to an earlier version.
func clause(r *event.Rules, rule string) string {
	if r.RoomIDFromCreate {
		return rule
	}
	n := numbers(rule)
	switch n[0] {
	case 5:
		memberClause(r, n)
	case 10:
		levelsClause(r, n)
	}
	switch {
	case n[0] == 3 || n[0] == 4: // version 12 put its rule 2 before them
		n[0]--
	case n[0] >= 5 && !r.AliasAuth: // and version 6 took rule 4 away
		n[0]--
	}
	out := strconv.Itoa(n[0])
	for _, i := range n[1:] {
		out += "." + strconv.Itoa(i)
	}
	return out
}

func numbers(rule string) []int {
	parts := strings.Split(rule, ".")
	out := make([]int, len(parts))
	for i, p := range parts {
		out[i], _ = strconv.Atoi(p) // the numbers are constants of this package
	}
	return out
}

// memberClause: version 8 added 5.2 and 5.3.5, version 7 knocking (5.7).
func memberClause(r *event.Rules, n []int) {
	if r.Restricted || len(n) < 2 {
		return
	}
	if n[1] == 3 && len(n) > 2 && n[2] > 5 {
		n[2]--
	}
	if n[1] == 8 && !r.Knock {
		n[1]--
	}
	if n[1] > 2 {
		n[1]--
	}
}

// levelsClause: version 10 added 10.1 and 10.2, version 12 added 10.4. Before
// version 10 only users is said to be checked for its form; what is said of it
// stands for all levels.
func levelsClause(r *event.Rules, n []int) {
	if len(n) < 2 {
		return
	}
	if n[1] > 4 {
		n[1]--
	}
	if !r.IntegerPowerLevels {
		n[1] = max(1, n[1]-2)
	}
}
