package storage

// Deactivate ends an account for good: what belonged to it goes, but for its name,
// which is never given again, and the password's hash, so that its owner can be told
// why they cannot log in. With erase the hash goes as well. Its devices must have
// been deleted before.
func (tx *Tx) Deactivate(user string, erase bool) error {
	err := tx.must(`UPDATE accounts SET deactivated = 1, erased = $2, admin = 0, leaving = 1 WHERE user_id = $1 AND deactivated = 0`, user, flag(erase))
	if err == nil && erase {
		err = tx.SetPassword(user, "")
	}
	if err != nil {
		return err
	}
	if err := tx.DeletePushersBut(user, ""); err != nil {
		return err
	}
	for _, text := range []string{
		`DELETE FROM sessions WHERE user_id = $1`, `DELETE FROM login_tokens WHERE user_id = $1`,
		`DELETE FROM openid_tokens WHERE user_id = $1`, `DELETE FROM uia WHERE user_id = $1`,
		`DELETE FROM external_ids WHERE user_id = $1`, `DELETE FROM profiles WHERE user_id = $1`,
		`DELETE FROM threepids WHERE user_id = $1`, `DELETE FROM profile_updates WHERE user_id = $1`, `DELETE FROM presence WHERE user_id = $1`, `DELETE FROM account_data WHERE user_id = $1`,
		`DELETE FROM push_rules WHERE user_id = $1`, `DELETE FROM filters WHERE user_id = $1`,
		`DELETE FROM cross_signing WHERE user_id = $1`, `DELETE FROM key_signatures WHERE user_id = $1`,
		`DELETE FROM backup_keys WHERE user_id = $1`, `DELETE FROM backup_versions WHERE user_id = $1`,
	} {
		if _, err := tx.exec(text, user); err != nil {
			return err
		}
	}
	return nil
}

// Leaving are the deactivated users whose rooms are not all left yet.
func (tx *ReadTx) Leaving() ([]string, error) {
	return tx.texts(`SELECT user_id FROM accounts WHERE leaving = 1`)
}

// HasLeft notes that a deactivated user is in no room any more.
func (tx *Tx) HasLeft(user string) error {
	_, err := tx.exec(`UPDATE accounts SET leaving = 0 WHERE user_id = $1`, user)
	return err
}
