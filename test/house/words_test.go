package house

import (
	"strings"
	"testing"
)

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	docs := map[string][]string{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		if _, ok := docs[s.dir]; !ok {
			docs[s.dir] = nil
		}
		if s.file.Doc != nil {
			docs[s.dir] = append(docs[s.dir], s.file.Doc.Text())
		}
	}
	for dir, list := range docs {
		switch {
		case len(list) == 0:
			t.Errorf("%s has no package comment", dir)
		case len(list) > 1:
			t.Errorf("%s has %d package comments; one says it", dir, len(list))
		case len(list[0]) < 80 || strings.Count(list[0], ".") < 2:
			t.Errorf("%s: its comment must say what it is for, what it owns and what it does not do: %q", dir, list[0])
		}
	}
}

func TestNothingIsLeftForLater(t *testing.T) {
	for _, s := range sources(t) {
		for _, group := range s.file.Comments {
			for _, c := range group.List {
				for _, word := range []string{"TO" + "DO", "FIX" + "ME", "X" + "XX"} {
					if strings.Contains(c.Text, word) {
						t.Errorf("%s says %s", s.at(c), word)
					}
				}
			}
		}
	}
}
