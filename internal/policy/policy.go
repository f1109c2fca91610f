// Package policy is the one question that is asked before something is done:
// may this actor do this to that? Today everything is allowed; an operator's rules
// answer it later, and the questions are in place.
//
// It decides what the house allows. What a room allows is internal/authrules.
package policy

import "context"

// Act is what somebody wants to do.
type Act string

// The acts that are asked about.
const (
	CreateRoom Act = "create_room"
	Invite     Act = "invite"
	Join       Act = "join"
	Send       Act = "send"
	Media      Act = "media"
	Federate   Act = "federate"
)

// Actor is who wants it.
type Actor struct {
	User   string
	Server string
}

// Object is what it is done to; what does not apply is "".
type Object struct {
	Room      string
	User      string
	Server    string
	EventType string
}

// Decider answers: nil, or an error that the actor is shown.
type Decider interface {
	Decide(ctx context.Context, who Actor, act Act, what Object) error
}

// AllowAll allows everything.
type AllowAll struct{}

// Decide implements Decider.
func (AllowAll) Decide(context.Context, Actor, Act, Object) error { return nil }
