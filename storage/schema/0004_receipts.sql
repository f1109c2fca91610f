-- receipts: how far each user has read in a room: in all of it (thread_id ''), in
-- the main timeline ('main') or in a thread. type is m.read or m.read.private, which
-- only its user sees. Written by roomserver. Grows with readers, threads and types;
-- goes with the room.
CREATE TABLE receipts (
    room_nid  BIGINT NOT NULL,
    user_id   TEXT   NOT NULL,
    type      TEXT   NOT NULL,
    thread_id TEXT   NOT NULL,
    event_id  TEXT   NOT NULL,
    ts        BIGINT NOT NULL,
    pos       BIGINT NOT NULL,
    PRIMARY KEY (room_nid, user_id, type, thread_id)
);
CREATE INDEX receipts_pos ON receipts (pos);
