package storage

// ExternalID is an identity that somebody else vouches for, as single sign-on does.
type ExternalID struct{ Issuer, Subject, User string }

// UserOfExternalID is the user that an external identity belongs to.
func (tx *ReadTx) UserOfExternalID(issuer, subject string) (user string, err error) {
	err = tx.one(`SELECT user_id FROM external_ids WHERE issuer = $1 AND subject = $2`, []any{&user}, issuer, subject)
	return user, err
}

// ExternalIDs are a user's external identities.
func (tx *ReadTx) ExternalIDs(user string) ([]ExternalID, error) {
	return collect(tx, `SELECT issuer, subject, user_id FROM external_ids WHERE user_id = $1 ORDER BY issuer, subject`,
		func(r scanner) (x ExternalID, err error) { return x, r.Scan(&x.Issuer, &x.Subject, &x.User) }, user)
}

// PutExternalID ties an identity to a user; ErrExists when it is another's.
func (tx *Tx) PutExternalID(x ExternalID) error {
	n, err := tx.exec(`INSERT INTO external_ids (issuer, subject, user_id) VALUES ($1, $2, $3)
		ON CONFLICT (issuer, subject) DO UPDATE SET user_id = external_ids.user_id WHERE external_ids.user_id = excluded.user_id`, x.Issuer, x.Subject, x.User)
	if err == nil && n == 0 {
		err = ErrExists
	}
	return err
}

// DeleteExternalID unties an identity.
func (tx *Tx) DeleteExternalID(issuer, subject string) error {
	return tx.must(`DELETE FROM external_ids WHERE issuer = $1 AND subject = $2`, issuer, subject)
}
