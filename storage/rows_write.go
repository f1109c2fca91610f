package storage

import "encoding/binary"

// write runs the statements, tables in one fixed order.
func (r *rows) write() error {
	tx := r.tx
	for _, t := range []*table{tableRooms, tableEvents, tableJSON, tableNodes, tableState, tableMembers, tableMemberLog,
		tableStateLog, tableChain, tableLinks, tableTxns, tableRedactions, tableThreads, tableMarkers, tableNotes} {
		if err := tx.insert(t, r.tables[t]); err != nil {
			return err
		}
	}
	for k := range r.gone {
		if _, err := tx.exec(`DELETE FROM current_state WHERE room_nid = $1 AND type = $2 AND state_key = $3`, k.room, k.kind, k.key); err != nil {
			return err
		}
	}
	if err := r.writeInvites(); err != nil {
		return err
	}
	for k, steps := range r.servers {
		for _, step := range steps {
			if err := tx.countServer(k, step); err != nil {
				return err
			}
		}
	}
	for _, p := range r.prune {
		if _, err := tx.exec(`UPDATE event_json SET json = $2 WHERE event_nid = $1`, p.Event, p.JSON); err != nil {
			return err
		}
		if _, err := tx.exec(`UPDATE events SET flags = flags | 8, redacted_by = $2 WHERE event_nid = $1 AND redacted_by IS NULL`, p.Event, p.By); err != nil {
			return err
		}
		if err := tx.withdraw(p.Event); err != nil {
			return err
		}
	}
	return nil
}

// writeInvites removes the invites that were answered, and stores the new ones.
func (r *rows) writeInvites() error {
	if len(r.uninv) > 0 {
		users := make([]string, 0, len(r.uninv))
		for k := range r.uninv {
			users = append(users, k.server)
		}
		// Usually there is nothing to remove: a join of a public room.
		had, err := collect(&r.tx.ReadTx, `SELECT user_id, room_nid FROM invites WHERE user_id IN $1`,
			func(s scanner) (k serverKey, err error) { return k, s.Scan(&k.server, &k.room) }, r.tx.in(users))
		if err != nil {
			return err
		}
		for _, k := range had {
			if !r.uninv[k] {
				continue
			}
			if _, err := r.tx.exec(`DELETE FROM invites WHERE user_id = $1 AND room_nid = $2`, k.server, k.room); err != nil {
				return err
			}
		}
	}
	return r.tx.insert(tableInvites, r.tables[tableInvites])
}

// serverStep counts a server's joined members up or down at a position.
type serverStep struct {
	delta int
	pos   int64
}

// server joins steps of one direction: a server is in the room from the first of its
// joins on, and until the last of its leaves.
func (r *rows) server(k serverKey, step serverStep) {
	steps := r.servers[k]
	if n := len(steps); n > 0 && (steps[n-1].delta > 0) == (step.delta > 0) {
		steps[n-1].delta += step.delta
		if step.delta < 0 {
			steps[n-1].pos = step.pos
		}
		return
	}
	r.servers[k] = append(steps, step)
}

// countServer moves the count of a server's joined members, and with it the
// interval in which the server is in the room.
func (tx *Tx) countServer(k serverKey, step serverStep) error {
	n, err := tx.exec(`UPDATE room_servers SET joined = joined + $3, until_pos = CASE WHEN joined + $3 <= 0 THEN CAST($4 AS BIGINT) END
		WHERE room_nid = $1 AND server = $2 AND until_pos IS NULL`, k.room, k.server, int64(step.delta), step.pos)
	if err != nil || n > 0 || step.delta < 0 {
		return err
	}
	_, err = tx.exec(`INSERT INTO room_servers (room_nid, server, joined, from_pos) VALUES ($1, $2, $3, $4)`,
		k.room, k.server, int64(step.delta), step.pos)
	return err
}

// packNIDs writes numbers as varints.
func packNIDs(nids []int64) []byte {
	out := make([]byte, 0, 4*len(nids))
	for _, n := range nids {
		out = binary.AppendVarint(out, n)
	}
	return out
}

func unpackNIDs(b []byte) []int64 {
	var out []int64
	for len(b) > 0 {
		n, l := binary.Varint(b)
		if l <= 0 {
			break
		}
		out = append(out, n)
		b = b[l:]
	}
	return out
}
