package filter

import "testing"

func TestFieldsCutAnEventToWhatIsWanted(t *testing.T) {
	const ev = `{"content":{"body":"x","m.relates_to":{"event_id":"$a","rel_type":"m.thread"},"n":[1,2]},"event_id":"$e","type":"t","unsigned":{"age":4}}`
	for path, want := range map[string]string{
		`content.body`:                   `{"content":{"body":"x"}}`,
		`content.m\.relates_to.rel_type`: `{"content":{"m.relates_to":{"rel_type":"m.thread"}}}`,
		`content`:                        `{"content":{"body":"x","m.relates_to":{"event_id":"$a","rel_type":"m.thread"},"n":[1,2]}}`,
		`type`:                           `{"type":"t"}`,
		`type.deeper`:                    `{}`,
		`content.n.0`:                    `{"content":{}}`,
		`nothing`:                        `{}`,
		`content.body.more`:              `{"content":{}}`,
		``:                               `{}`,
	} {
		if got := string(parseFields([]string{path}).Cut([]byte(ev))); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if got := string(parseFields([]string{"content.body", "type", "content"}).Cut([]byte(ev))); got != `{"content":{"body":"x","m.relates_to":{"event_id":"$a","rel_type":"m.thread"},"n":[1,2]},"type":"t"}` {
		t.Error(got)
	}
	if got := string((*Fields)(nil).Cut([]byte(ev))); got != ev {
		t.Error(got)
	}
}
