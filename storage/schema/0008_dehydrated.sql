-- dehydrated_devices: devices that sleep on the server until another device of their
-- user wakes them (MSC3814). At most one a user, which is also in devices. upload is
-- the hash of what was uploaded, to know a repetition. Written by userserver.
CREATE TABLE dehydrated_devices (
    user_id   TEXT  NOT NULL PRIMARY KEY,
    device_id TEXT  NOT NULL,
    data      BYTEA NOT NULL,
    upload    BYTEA NOT NULL
);
