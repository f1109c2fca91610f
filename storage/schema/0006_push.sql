-- Unread counts and pushing. A message counts once for its room: members are told
-- apart only where their rules differ. Written by roomserver, unless a comment says
-- otherwise.

-- What the predefined push rules say of an event for everybody: push is 0 nothing,
-- 1 notify, 2 notify and highlight. notify_n and highlight_n count the events of
-- the main timeline with push 1 and 2 up to and with this one. thread_nid is the
-- thread it is in, null for the main timeline; thread_notify_n and
-- thread_highlight_n count in the thread. All are of new events only.
ALTER TABLE events ADD COLUMN push BIGINT NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN notify_n BIGINT NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN highlight_n BIGINT NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN thread_nid BIGINT;
ALTER TABLE events ADD COLUMN thread_notify_n BIGINT;
ALTER TABLE events ADD COLUMN thread_highlight_n BIGINT;
CREATE INDEX events_thread ON events (thread_nid, pos) WHERE thread_nid IS NOT NULL;

-- The same counts at a room's head; thread_pos is the position of the last event in
-- any of its threads, withdrawn_pos that of the newest row in withdrawn.
ALTER TABLE rooms ADD COLUMN notify_n BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN highlight_n BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN thread_pos BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN withdrawn_pos BIGINT NOT NULL DEFAULT 0;

-- threads: one row a thread, with the counts of its events. last_pos is not before
-- the position of its last event. Its number is that of its first reply. Grows with
-- threads; goes with the room.
CREATE TABLE threads (
    thread_nid  BIGINT NOT NULL PRIMARY KEY,
    room_nid    BIGINT NOT NULL,
    root_id     TEXT   NOT NULL,
    notify_n    BIGINT NOT NULL,
    highlight_n BIGINT NOT NULL,
    last_pos    BIGINT NOT NULL,
    UNIQUE (room_nid, root_id)
);
CREATE INDEX threads_last ON threads (room_nid, last_pos);

-- withdrawn: events that counted and were redacted since. They still are in the
-- counts of what came after them.
CREATE TABLE withdrawn (
    room_nid   BIGINT NOT NULL,
    pos        BIGINT NOT NULL,
    thread_nid BIGINT NOT NULL,
    push       BIGINT NOT NULL,
    PRIMARY KEY (room_nid, pos)
)
WITHOUT ROWID -- only: sqlite
;

-- read_markers: how far a local user has read in a room: in all of it (thread_id ''),
-- in the main timeline ('main') or in a thread, by receipts and by sending. from_pos
-- is where counting begins when the user's rules told to count nothing before it.
-- notify_n and highlight_n are the counts there, of the main timeline or the thread.
-- One row a local member, and one a thread that they read or wrote in.
CREATE TABLE read_markers (
    user_id     TEXT   NOT NULL,
    room_nid    BIGINT NOT NULL,
    thread_id   TEXT   NOT NULL,
    pos         BIGINT NOT NULL,
    from_pos    BIGINT NOT NULL,
    notify_n    BIGINT NOT NULL,
    highlight_n BIGINT NOT NULL,
    PRIMARY KEY (user_id, room_nid, thread_id)
)
WITHOUT ROWID -- only: sqlite
;

-- push_notes: what an event is for one member where that differs from what it is
-- for the room: notify and highlight are -1, 0 or 1 and are added. unread is 0 once
-- it was read. Grows with mentions, keywords and members of rare rules; what was
-- read is pruned by age.
CREATE TABLE push_notes (
    room_nid   BIGINT NOT NULL,
    pos        BIGINT NOT NULL,
    user_id    TEXT   NOT NULL,
    event_nid  BIGINT NOT NULL,
    thread_nid BIGINT NOT NULL,
    notify     BIGINT NOT NULL,
    highlight  BIGINT NOT NULL,
    unread     BIGINT NOT NULL,
    PRIMARY KEY (room_nid, pos, user_id)
)
WITHOUT ROWID -- only: sqlite
;
CREATE INDEX push_notes_unread ON push_notes (user_id, room_nid) WHERE unread = 1;
CREATE INDEX push_notes_user ON push_notes (user_id, pos);
CREATE INDEX events_highlight ON events (room_nid, pos) WHERE push = 2;

-- pushers: where a user's notifications are sent. Written by userserver. data is the
-- client's object; session is the session that set it (device_id of its session),
-- failing_since and last_success are ms since the epoch, 0 none. Goes with its device.
CREATE TABLE pushers (
    pusher_id     BIGINT NOT NULL PRIMARY KEY,
    user_id       TEXT   NOT NULL,
    device_id     TEXT   NOT NULL,
    app_id        TEXT   NOT NULL,
    pushkey       TEXT   NOT NULL,
    kind          TEXT   NOT NULL,
    app_name      TEXT   NOT NULL,
    device_name   TEXT   NOT NULL,
    profile_tag   TEXT   NOT NULL,
    lang          TEXT   NOT NULL,
    data          BYTEA  NOT NULL,
    enabled       BIGINT NOT NULL,
    created       BIGINT NOT NULL,
    last_success  BIGINT NOT NULL,
    failing_since BIGINT NOT NULL,
    UNIQUE (user_id, app_id, pushkey)
);
CREATE INDEX pushers_key ON pushers (app_id, pushkey);

-- push_queue: notifications that a pusher has still to send. event_nid 0 tells only
-- the number of unread. Written by push. Bounded a pusher, and by age.
CREATE TABLE push_queue (
    pusher_id BIGINT NOT NULL,
    pos       BIGINT NOT NULL,
    room_nid  BIGINT NOT NULL,
    event_nid BIGINT NOT NULL,
    queued    BIGINT NOT NULL,
    PRIMARY KEY (pusher_id, pos)
)
WITHOUT ROWID -- only: sqlite
;

-- cursors: how far each worker has gone through the stream. Written by the worker
-- that it is named after. One row a worker.
CREATE TABLE cursors (
    name TEXT   NOT NULL PRIMARY KEY,
    pos  BIGINT NOT NULL
);
