-- End-to-end encryption. Written by userserver.

-- device_keys: the identity keys of devices, as signed JSON.
CREATE TABLE device_keys (
    user_id   TEXT  NOT NULL,
    device_id TEXT  NOT NULL,
    json      BYTEA NOT NULL,
    PRIMARY KEY (user_id, device_id)
);

-- one_time_keys: claimed oldest first, by id. Bounded per device.
CREATE TABLE one_time_keys (
    user_id   TEXT   NOT NULL,
    device_id TEXT   NOT NULL,
    algorithm TEXT   NOT NULL,
    key_id    TEXT   NOT NULL,
    n         BIGINT NOT NULL,
    json      BYTEA  NOT NULL,
    PRIMARY KEY (user_id, device_id, algorithm, key_id)
);

-- fallback_keys: one a device and algorithm, given out when nothing else is left.
CREATE TABLE fallback_keys (
    user_id   TEXT   NOT NULL,
    device_id TEXT   NOT NULL,
    algorithm TEXT   NOT NULL,
    key_id    TEXT   NOT NULL,
    json      BYTEA  NOT NULL,
    used      BIGINT NOT NULL,
    PRIMARY KEY (user_id, device_id, algorithm)
);

-- cross_signing: a user's master, self_signing and user_signing key.
CREATE TABLE cross_signing (
    user_id TEXT  NOT NULL,
    usage   TEXT  NOT NULL,
    json    BYTEA NOT NULL,
    PRIMARY KEY (user_id, usage)
);

-- key_signatures: checked signatures that were uploaded for keys. target is a
-- device id or the key of a cross-signing key.
CREATE TABLE key_signatures (
    signer    TEXT NOT NULL,
    key_id    TEXT NOT NULL,
    user_id   TEXT NOT NULL,
    target    TEXT NOT NULL,
    signature TEXT NOT NULL,
    PRIMARY KEY (user_id, target, signer, key_id)
);

-- to_device: messages that a device has not acknowledged with a later token.
CREATE TABLE to_device (
    user_id   TEXT   NOT NULL,
    device_id TEXT   NOT NULL,
    pos       BIGINT NOT NULL,
    sender    TEXT   NOT NULL,
    type      TEXT   NOT NULL,
    content   BYTEA  NOT NULL,
    PRIMARY KEY (user_id, device_id, pos)
);

-- to_device_txns: transaction ids of sendToDevice. Pruned by age.
CREATE TABLE to_device_txns (
    key BYTEA  NOT NULL PRIMARY KEY,
    ts  BIGINT NOT NULL
);

-- backup_versions: a user's key backups; the newest that is not deleted is current.
CREATE TABLE backup_versions (
    user_id   TEXT   NOT NULL,
    version   BIGINT NOT NULL,
    algorithm TEXT   NOT NULL,
    auth_data BYTEA  NOT NULL,
    etag      BIGINT NOT NULL,
    deleted   BIGINT NOT NULL,
    PRIMARY KEY (user_id, version)
);

-- backup_keys: the encrypted room keys of a backup.
CREATE TABLE backup_keys (
    user_id     TEXT   NOT NULL,
    version     BIGINT NOT NULL,
    room_id     TEXT   NOT NULL,
    session_id  TEXT   NOT NULL,
    first_index BIGINT NOT NULL,
    forwarded   BIGINT NOT NULL,
    verified    BIGINT NOT NULL,
    data        BYTEA  NOT NULL,
    PRIMARY KEY (user_id, version, room_id, session_id)
);
