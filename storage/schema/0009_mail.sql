-- Lists of notifications, and notifications by mail.

-- events that notify in a room, in their order.
CREATE INDEX events_notified ON events (room_nid, pos) WHERE push > 0;

-- threepids: mail addresses of accounts, in lower case; medium is email. Written by
-- userserver. A few a person; goes with the account.
CREATE TABLE threepids (
    medium  TEXT   NOT NULL,
    address TEXT   NOT NULL,
    user_id TEXT   NOT NULL,
    added   BIGINT NOT NULL,
    PRIMARY KEY (medium, address)
);
CREATE INDEX threepids_user ON threepids (user_id);

-- mail_rooms: when a pusher last sent a mail about a room, and how long it then waits
-- for the next, in ms. Written by push. Pruned by age, and with the pusher.
CREATE TABLE mail_rooms (
    pusher_id BIGINT NOT NULL,
    room_nid  BIGINT NOT NULL,
    sent      BIGINT NOT NULL,
    pause     BIGINT NOT NULL,
    PRIMARY KEY (pusher_id, room_nid)
);
