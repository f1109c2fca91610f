package test

import (
	"fmt"
	"testing"
)

// TestMembersAreLoadedAsTheyAreNeeded shows a room of 200 to matrix-js-sdk.
func TestMembersAreLoadedAsTheyAreNeeded(t *testing.T) {
	t.Parallel()
	s := shipped(t)
	const members = 200
	alice := s.registers("alice")
	room := alice.creates(map[string]any{"preset": "public_chat"})
	comes := func(name, called string) *person {
		p := s.registers(name)
		p.call("PUT", "/profile/"+p.id+"/displayname", map[string]string{"displayname": called}).ok(nil)
		p.joins(room)
		return p
	}
	people := []*person{}
	for i := range members - 3 {
		people = append(people, comes(fmt.Sprintf("m%03d", i), fmt.Sprintf("Member %d", i)))
	}
	zoe, anna := comes("zoe", "Zoe Z."), comes("anna", "Anna A.")
	for i, p := range people[:40] {
		p.says(room, fmt.Sprintf("I am number %d", i))
	}
	for i := range 12 {
		anna.says(room, fmt.Sprintf("welcome, %d", i))
	}
	plays(s.t, "crowd.mjs", s.url, nil, room, fmt.Sprint(members), anna.id, zoe.id)
}
