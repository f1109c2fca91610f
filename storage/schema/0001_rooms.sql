-- Rooms, events and state. Every table is written by roomserver through the
-- committer, unless its comment says otherwise.

-- meta holds what the data itself must remember: the instance secret that keys
-- state trie paths, the server name the data belongs to, the epoch of tokens.
-- Written at first start. Grows never.
CREATE TABLE meta (
    k TEXT NOT NULL PRIMARY KEY,
    v BYTEA NOT NULL
);

-- stream is the one counter of positions; its single row is the lock that
-- orders commits. Written by the committer. One row.
CREATE TABLE stream (
    id       BIGINT NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL
);
INSERT INTO stream (id, position) VALUES (1, 0);

-- counters lease blocks of numeric ids (rooms, events, chains). Gaps are normal.
-- Written by storage. One row a name.
CREATE TABLE counters (
    name TEXT NOT NULL PRIMARY KEY,
    next BIGINT NOT NULL
);

-- rooms: one row a room that this server knows. rev is the compare-and-set of
-- every write to the room. extremities is a list of varint event numbers.
-- Grows with rooms; a purge removes.
CREATE TABLE rooms (
    room_nid    BIGINT NOT NULL PRIMARY KEY,
    room_id     TEXT   NOT NULL UNIQUE,
    version     TEXT   NOT NULL,
    rev         BIGINT NOT NULL,
    state_root  BIGINT NOT NULL,
    extremities BYTEA  NOT NULL,
    last_topo   BIGINT NOT NULL,
    last_pos    BIGINT NOT NULL,
    bump_pos    BIGINT NOT NULL,
    joined      BIGINT NOT NULL,
    invited     BIGINT NOT NULL
);

-- events: the skeleton of every event. topo is null for outliers, rejected and
-- soft-failed events, which are in no timeline; pos is null for those and for
-- backfilled events. state_before is the root of the state before the event
-- (0: unknown, for an outlier). flags: 1 outlier, 2 rejected, 4 soft-failed,
-- 8 content pruned by a redaction, 16 state_before is partial. An id is unique in
-- its room only: in room versions 1 and 2 another room's server can take any.
-- Grows with messages; a purge removes.
CREATE TABLE events (
    event_nid    BIGINT NOT NULL PRIMARY KEY,
    room_nid     BIGINT NOT NULL,
    event_id     TEXT   NOT NULL,
    type         TEXT   NOT NULL,
    state_key    TEXT,
    sender       TEXT   NOT NULL,
    ts           BIGINT NOT NULL,
    depth        BIGINT NOT NULL,
    topo         BIGINT,
    pos          BIGINT,
    flags        BIGINT NOT NULL,
    state_before BIGINT NOT NULL,
    redacted_by  BIGINT,
    UNIQUE (event_id, room_nid)
);
CREATE INDEX events_timeline ON events (room_nid, topo, event_nid) WHERE topo IS NOT NULL;
CREATE INDEX events_pos ON events (pos) WHERE pos IS NOT NULL;

-- event_json holds the event itself, canonical JSON in federation format. It is
-- apart so that content can be erased while the graph stays.
CREATE TABLE event_json (
    event_nid BIGINT NOT NULL PRIMARY KEY,
    json      BYTEA  NOT NULL
);

-- redactions that arrived before, or for, an event: applied when both are there.
CREATE TABLE redactions (
    room_nid  BIGINT NOT NULL,
    target_id TEXT   NOT NULL,
    event_nid BIGINT NOT NULL,
    PRIMARY KEY (room_nid, target_id, event_nid)
)
WITHOUT ROWID -- only: sqlite
;

-- current_state: the resolved state of each room now.
CREATE TABLE current_state (
    room_nid  BIGINT NOT NULL,
    type      TEXT   NOT NULL,
    state_key TEXT   NOT NULL,
    event_nid BIGINT NOT NULL,
    PRIMARY KEY (room_nid, type, state_key)
)
WITHOUT ROWID -- only: sqlite
;

-- memberships: the newest membership of every user a room has a member event
-- for. pos is the stream position of its last change; forgotten hides it from
-- its user. Grows with members.
CREATE TABLE memberships (
    room_nid   BIGINT NOT NULL,
    user_id    TEXT   NOT NULL,
    membership TEXT   NOT NULL,
    event_nid  BIGINT NOT NULL,
    pos        BIGINT NOT NULL,
    forgotten  BIGINT NOT NULL,
    PRIMARY KEY (room_nid, user_id)
)
WITHOUT ROWID -- only: sqlite
;
CREATE INDEX memberships_user ON memberships (user_id, membership);
CREATE INDEX memberships_pos ON memberships (room_nid, pos);

-- membership_log: every change of a local user's membership, so that a sync
-- token of any age knows what its user was. pos orders. Grows with changes of
-- local members.
CREATE TABLE membership_log (
    user_id    TEXT   NOT NULL,
    pos        BIGINT NOT NULL,
    room_nid   BIGINT NOT NULL,
    membership TEXT   NOT NULL,
    event_nid  BIGINT NOT NULL,
    PRIMARY KEY (user_id, room_nid, pos)
)
WITHOUT ROWID -- only: sqlite
;

-- invites: the stripped state that came with an invite or was made for a knock,
-- for rooms that this server may not be in. Removed with the invite.
CREATE TABLE invites (
    user_id  TEXT   NOT NULL,
    room_nid BIGINT NOT NULL,
    state    BYTEA  NOT NULL,
    PRIMARY KEY (user_id, room_nid)
)
WITHOUT ROWID -- only: sqlite
;

-- room_servers: the intervals in which a server had a joined member. until_pos
-- is null while it has.
CREATE TABLE room_servers (
    room_nid  BIGINT NOT NULL,
    server    TEXT   NOT NULL,
    joined    BIGINT NOT NULL,
    from_pos  BIGINT NOT NULL,
    until_pos BIGINT,
    PRIMARY KEY (room_nid, server, from_pos)
)
WITHOUT ROWID -- only: sqlite
;

-- state_log: the root of the current state from each position on.
CREATE TABLE state_log (
    room_nid BIGINT NOT NULL,
    pos      BIGINT NOT NULL,
    root     BIGINT NOT NULL,
    PRIMARY KEY (room_nid, pos)
)
WITHOUT ROWID -- only: sqlite
;

-- state_nodes: nodes of the state tries (internal/statetrie), shared between the
-- snapshots of one room.
CREATE TABLE state_nodes (
    room_nid BIGINT NOT NULL,
    node_id  BIGINT NOT NULL,
    body     BYTEA  NOT NULL,
    PRIMARY KEY (room_nid, node_id)
);

-- auth_chain and auth_links: the reachability index over auth events
-- (internal/authchain).
CREATE TABLE auth_chain (
    event_nid BIGINT NOT NULL PRIMARY KEY,
    room_nid  BIGINT NOT NULL,
    chain     BIGINT NOT NULL,
    seq       BIGINT NOT NULL
);
CREATE UNIQUE INDEX auth_chain_at ON auth_chain (chain, seq);
CREATE TABLE auth_links (
    from_chain BIGINT NOT NULL,
    from_seq   BIGINT NOT NULL,
    to_chain   BIGINT NOT NULL,
    to_seq     BIGINT NOT NULL,
    room_nid   BIGINT NOT NULL,
    PRIMARY KEY (from_chain, to_chain, from_seq)
)
WITHOUT ROWID -- only: sqlite
;
CREATE INDEX auth_links_to ON auth_links (to_chain, to_seq);

-- txns: transaction ids that clients used for events, by the event of the first
-- request. key is the first 16 bytes of SHA-256 over user, device, path and
-- transaction id, device the first 8 of SHA-256 over user and device. Pruned by age,
-- which is the order of event numbers.
CREATE TABLE txns (
    event_nid BIGINT NOT NULL PRIMARY KEY,
    key       BYTEA  NOT NULL UNIQUE,
    ts        BIGINT NOT NULL,
    device    BYTEA  NOT NULL,
    txn_id    TEXT   NOT NULL
);

-- aliases: local room aliases. published rooms are in the directory.
CREATE TABLE aliases (
    alias    TEXT   NOT NULL PRIMARY KEY,
    room_nid BIGINT NOT NULL,
    creator  TEXT   NOT NULL
);
CREATE INDEX aliases_room ON aliases (room_nid);
CREATE TABLE published (
    room_nid BIGINT NOT NULL PRIMARY KEY
);
