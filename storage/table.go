package storage

import (
	"slices"
	"strconv"
	"strings"
)

// table is how rows of many sets are inserted with one call.
type table struct {
	name     string
	columns  []string
	types    []string // bigint, text or bytea
	conflict string   // ON CONFLICT …, or ""
	one      string
	many     string
}

// newTable takes columns as "name type" pairs.
func newTable(name, columns, conflict string) *table {
	t := &table{name: name, conflict: conflict}
	for _, c := range strings.Split(columns, ", ") {
		col, typ, _ := strings.Cut(c, " ")
		t.columns = append(t.columns, col)
		t.types = append(t.types, typ)
	}
	head := "INSERT INTO " + name + " (" + strings.Join(t.columns, ", ") + ") "
	t.one = head + "VALUES (" + placeholders(len(t.columns)) + ") " + conflict
	args := make([]string, len(t.types))
	for i, typ := range t.types {
		args[i] = strings.Replace("$N::"+typ+"[]", "N", itoa(i+1), 1)
	}
	t.many = head + "SELECT * FROM unnest(" + strings.Join(args, ", ") + ") " + conflict
	return t
}

func itoa(n int) string { return strconv.Itoa(n) }

func (t table) insertOne() string     { return t.one }
func (t table) insertColumns() string { return t.many }

func (tx *Tx) insert(t *table, rows [][]any) error {
	rows = slices.DeleteFunc(rows, func(row []any) bool { return row == nil }) // dropped
	if len(rows) == 0 {
		return nil
	}
	return tx.c.d.insertMany(tx, *t, rows)
}

// The tables that events are written to.
var (
	tableRooms = newTable("rooms", "room_nid bigint, room_id text, version text, rev bigint, state_root bigint, extremities bytea, last_topo bigint, last_pos bigint, bump_pos bigint, joined bigint, invited bigint, notify_n bigint, highlight_n bigint, thread_pos bigint", "")
	// An outlier gets its place later: the same number, and the same JSON.
	tableEvents = newTable("events", "event_nid bigint, room_nid bigint, event_id text, type text, state_key text, sender text, ts bigint, depth bigint, topo bigint, pos bigint, flags bigint, state_before bigint, push bigint, notify_n bigint, highlight_n bigint, thread_nid bigint, thread_notify_n bigint, thread_highlight_n bigint",
		`ON CONFLICT (event_nid) DO UPDATE SET topo = excluded.topo, pos = excluded.pos, flags = excluded.flags | (events.flags & 8), state_before = excluded.state_before,
			push = excluded.push, notify_n = excluded.notify_n, highlight_n = excluded.highlight_n,
			thread_nid = excluded.thread_nid, thread_notify_n = excluded.thread_notify_n, thread_highlight_n = excluded.thread_highlight_n`)
	tableJSON       = newTable("event_json", "event_nid bigint, json bytea", "ON CONFLICT (event_nid) DO NOTHING")
	tableState      = newTable("current_state", "room_nid bigint, type text, state_key text, event_nid bigint", "ON CONFLICT (room_nid, type, state_key) DO UPDATE SET event_nid = excluded.event_nid")
	tableMembers    = newTable("memberships", "room_nid bigint, user_id text, membership text, event_nid bigint, pos bigint, forgotten bigint", "ON CONFLICT (room_nid, user_id) DO UPDATE SET membership = excluded.membership, event_nid = excluded.event_nid, pos = excluded.pos, forgotten = 0")
	tableMemberLog  = newTable("membership_log", "user_id text, pos bigint, room_nid bigint, membership text, event_nid bigint", "ON CONFLICT (user_id, pos, room_nid) DO UPDATE SET membership = excluded.membership, event_nid = excluded.event_nid")
	tableInvites    = newTable("invites", "user_id text, room_nid bigint, state bytea", "ON CONFLICT (user_id, room_nid) DO UPDATE SET state = excluded.state")
	tableStateLog   = newTable("state_log", "room_nid bigint, pos bigint, root bigint", "ON CONFLICT (room_nid, pos) DO UPDATE SET root = excluded.root")
	tableNodes      = newTable("state_nodes", "room_nid bigint, node_id bigint, body bytea", "ON CONFLICT (room_nid, node_id) DO NOTHING")
	tableChain      = newTable("auth_chain", "event_nid bigint, room_nid bigint, chain bigint, seq bigint", "ON CONFLICT (event_nid) DO NOTHING")
	tableLinks      = newTable("auth_links", "from_chain bigint, from_seq bigint, to_chain bigint, to_seq bigint, room_nid bigint", "ON CONFLICT (from_chain, to_chain, from_seq) DO NOTHING")
	tableTxns       = newTable("txns", "key bytea, event_nid bigint, ts bigint, device bytea, txn_id text", "")
	tableRedactions = newTable("redactions", "room_nid bigint, target_id text, event_nid bigint", "ON CONFLICT (room_nid, target_id, event_nid) DO NOTHING")
	tableThreads    = newTable("threads", "thread_nid bigint, room_nid bigint, root_id text, notify_n bigint, highlight_n bigint, last_pos bigint", "ON CONFLICT (thread_nid) DO UPDATE SET notify_n = excluded.notify_n, highlight_n = excluded.highlight_n, last_pos = excluded.last_pos")
	tableMarkers    = newTable("read_markers", "user_id text, room_nid bigint, thread_id text, pos bigint, from_pos bigint, notify_n bigint, highlight_n bigint", "ON CONFLICT (user_id, room_nid, thread_id) DO UPDATE SET pos = excluded.pos, notify_n = excluded.notify_n, highlight_n = excluded.highlight_n")
	tableNotes      = newTable("push_notes", "room_nid bigint, pos bigint, user_id text, event_nid bigint, thread_nid bigint, notify bigint, highlight bigint, unread bigint", "ON CONFLICT (room_nid, pos, user_id) DO NOTHING")
)
