package authrules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chancery-im/chancery/internal/event"
)

// crowd is a room with 2,000 users in its power levels.
func crowd(b *testing.B) *rig {
	r := newRig(b, "12")
	var users []string
	for i := range 2000 {
		users = append(users, fmt.Sprintf(`"@u%d:b.test":%d`, i, i%50))
	}
	r.levels(`{"users":{"` + bob + `":50,` + strings.Join(users, ",") + `}}`)
	return r
}

func benchmarkCheck(b *testing.B, e *event.Event, r *rig, parsed bool) {
	var levels *PowerLevels
	if parsed {
		var err error
		if levels, err = ParsePowerLevels(r.state.Get("m.room.power_levels", ""), r.create); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := Check(e, r.state, levels); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheckMessage(b *testing.B) { r := crowd(b); benchmarkCheck(b, r.message(carol), r, true) }

func BenchmarkCheckMessageLevelsUnparsed(b *testing.B) {
	r := crowd(b)
	benchmarkCheck(b, r.message(carol), r, false)
}

func BenchmarkCheckJoin(b *testing.B) {
	r := crowd(b)
	r.joinRule("public")
	benchmarkCheck(b, r.membership(dan, dan, "join"), r, true)
}

func BenchmarkCheckPowerLevels(b *testing.B) {
	r := crowd(b)
	old := string(r.state.Get("m.room.power_levels", "").Body())
	benchmarkCheck(b, r.build("m.room.power_levels", str(""), alice, `{"ban":60,`+old[1:]), r, true)
}

func BenchmarkParsePowerLevels(b *testing.B) {
	r := crowd(b)
	e := r.state.Get("m.room.power_levels", "")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParsePowerLevels(e, r.create); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNeeded(b *testing.B) {
	r := crowd(b)
	e := r.message(carol)
	b.ReportAllocs()
	for b.Loop() {
		Needed(e)
	}
}
