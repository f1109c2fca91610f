package userserver

import (
	"context"
	"slices"

	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// stagesOf are the stages that somebody can go through apart from the request: who
// registers has no password yet, and everybody else has nothing but that.
func stagesOf(u storage.UIA) []string {
	if u.User == "" {
		return []string{StageDummy, StageToken, StageTerms}
	}
	return []string{StagePassword}
}

// KnownStage reports whether there is such a stage of user-interactive authentication.
func KnownStage(stage string) bool {
	return slices.Contains([]string{StageDummy, StageToken, StageTerms, StagePassword}, stage)
}

// WhoAuthenticates is the user of a session of user-interactive authentication; ""
// while registering.
func (s *Server) WhoAuthenticates(ctx context.Context, session string) (string, error) {
	u, err := s.anyUIA(ctx, session)
	return u.User, err
}

// CompleteStage goes through one stage of a session from outside the request that
// began it: a client that does not know the stage sends its user to a page of this
// server ("Fallback"), and then repeats the request with the session alone.
func (s *Server) CompleteStage(ctx context.Context, auth AuthDict) error {
	u, err := s.anyUIA(ctx, auth.Session)
	if err != nil {
		return err
	}
	if !slices.Contains(stagesOf(u), auth.Type) {
		return matrixerr.New(400, "M_UNRECOGNIZED", "This stage is in none of the flows")
	}
	if err := s.stage(ctx, Ask{User: u.User, Flows: [][]string{{auth.Type}}, Auth: &auth}, &u); err != nil {
		return err
	}
	return s.write(ctx, func(tx *storage.Tx) error {
		if _, err := tx.UIA(u.Session); err != nil {
			return notFoundAs(err, errNoSession)
		}
		return tx.PutUIA(u)
	})
}

func (s *Server) anyUIA(ctx context.Context, session string) (u storage.UIA, err error) {
	if !id.IsDevice(session) { // an opaque text, as a device id is
		return u, errNoSession
	}
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		u, err = tx.UIA(session)
		return notFoundAs(err, errNoSession)
	})
	return u, err
}
