package matrixerr

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

func TestAnErrorIsWrittenWithItsExtraMembers(t *testing.T) {
	for _, c := range []struct {
		err  *Error
		want string
	}{
		{Forbidden("no"), `{"errcode":"M_FORBIDDEN","error":"no"}`},
		{UnknownToken(true), `{"errcode":"M_UNKNOWN_TOKEN","error":"The access token is not known, or no longer valid","soft_logout":true}`},
		{LimitExceeded(1500 * time.Millisecond), `{"errcode":"M_LIMIT_EXCEEDED","error":"Too many requests; try again later","retry_after_ms":1500}`},
		{IncompatibleRoomVersion("12"), `{"errcode":"M_INCOMPATIBLE_ROOM_VERSION","error":"Your server does not support the version of this room","room_version":"12"}`},
	} {
		got, err := json.Marshal(c.err)
		if err != nil || string(got) != c.want {
			t.Errorf("got %s, %v; want %s", got, err, c.want)
		}
	}
}

func TestWithLeavesTheOriginalAsItWas(t *testing.T) {
	e := UnknownToken(false)
	f := e.With("a", 1)
	if len(e.Extra) != 1 || len(f.Extra) != 2 {
		t.Errorf("original %v, copy %v", e.Extra, f.Extra)
	}
}

func TestIsFindsAWrappedCode(t *testing.T) {
	if err := fmt.Errorf("outer: %w", NotFound("x")); !Is(err, "M_NOT_FOUND") || Is(err, "M_FORBIDDEN") {
		t.Error("the code of a wrapped error is not found")
	}
}
