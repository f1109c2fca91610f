package storage

// Alias is the room that an alias names.
func (tx *ReadTx) Alias(alias string) (room int64, err error) {
	err = tx.one(`SELECT room_nid FROM aliases WHERE alias = $1`, []any{&room}, alias)
	return room, err
}

// AliasCreator is who made an alias.
func (tx *ReadTx) AliasCreator(alias string) (user string, err error) {
	err = tx.one(`SELECT creator FROM aliases WHERE alias = $1`, []any{&user}, alias)
	return user, err
}

// AliasesOf are the aliases of a room.
func (tx *ReadTx) AliasesOf(room int64) ([]string, error) {
	return tx.texts(`SELECT alias FROM aliases WHERE room_nid = $1 ORDER BY alias`, room)
}

// PutAlias names a room; ErrExists when the alias is taken.
func (tx *Tx) PutAlias(alias string, room int64, creator string) error {
	_, err := tx.exec(`INSERT INTO aliases (alias, room_nid, creator) VALUES ($1, $2, $3)`, alias, room, creator)
	return err
}

// DeleteAlias removes a name.
func (tx *Tx) DeleteAlias(alias string) error {
	n, err := tx.exec(`DELETE FROM aliases WHERE alias = $1`, alias)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

// MoveDirectory gives a room's aliases and its directory entry to another.
func (tx *Tx) MoveDirectory(from, to int64) error {
	if _, err := tx.exec(`UPDATE aliases SET room_nid = $2 WHERE room_nid = $1`, from, to); err != nil {
		return err
	}
	n, err := tx.exec(`DELETE FROM published WHERE room_nid = $1`, from)
	if err != nil || n == 0 {
		return err
	}
	return tx.SetPublished(to, true)
}

// Published reports whether the directory lists the room.
func (tx *ReadTx) Published(room int64) (bool, error) {
	return tx.exists(`SELECT 1 FROM published WHERE room_nid = $1`, room)
}

// SetPublished lists a room, or takes it out.
func (tx *Tx) SetPublished(room int64, public bool) error {
	text := `DELETE FROM published WHERE room_nid = $1`
	if public {
		text = `INSERT INTO published (room_nid) VALUES ($1) ON CONFLICT (room_nid) DO NOTHING`
	}
	_, err := tx.exec(text, room)
	return err
}

// PublishedRooms are the rooms of the directory, the largest first.
func (tx *ReadTx) PublishedRooms() ([]RoomRow, error) {
	return collect(tx, `SELECT `+roomColumns+` FROM published p CROSS JOIN rooms r
		WHERE r.room_nid = p.room_nid ORDER BY r.joined DESC, r.room_nid`, scanRoom) // CROSS: SQLite begins with the shorter table
}
