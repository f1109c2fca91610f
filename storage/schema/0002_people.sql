-- People: accounts, sessions, profiles and settings. Written by userserver.

-- accounts: kind is human, guest, bot, appservice or system. password is an
-- encoded slow hash, null for accounts that log in otherwise or not at all. leaving
-- marks a deactivated account whose rooms are not all left yet. Grows with people.
CREATE TABLE accounts (
    user_id     TEXT   NOT NULL PRIMARY KEY,
    kind        TEXT   NOT NULL,
    password    TEXT,
    admin       BIGINT NOT NULL,
    created     BIGINT NOT NULL,
    deactivated BIGINT NOT NULL,
    erased      BIGINT NOT NULL,
    locked      BIGINT NOT NULL,
    suspended   BIGINT NOT NULL,
    leaving     BIGINT NOT NULL,
    appservice  TEXT
);
CREATE INDEX accounts_leaving ON accounts (leaving) WHERE leaving = 1;

-- external_ids ties accounts to identities elsewhere (single sign-on).
CREATE TABLE external_ids (
    issuer  TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX external_ids_user ON external_ids (user_id);

-- devices: one row a device. Grows with logins; removed at logout.
CREATE TABLE devices (
    user_id   TEXT   NOT NULL,
    device_id TEXT   NOT NULL,
    name      TEXT,
    seen      BIGINT NOT NULL,
    ip        TEXT   NOT NULL,
    agent     TEXT   NOT NULL,
    PRIMARY KEY (user_id, device_id)
);

-- sessions: the one table of tokens. token is SHA-256 of the access token, refresh
-- of the refresh token; expires in ms, 0 never. family joins the sessions that
-- refreshing made of one login: at most the one in use, and its successor until
-- that is used for the first time. Removed at logout.
CREATE TABLE sessions (
    id        BIGINT NOT NULL PRIMARY KEY,
    token     BYTEA  NOT NULL UNIQUE,
    refresh   BYTEA  UNIQUE,
    user_id   TEXT   NOT NULL,
    device_id TEXT   NOT NULL,
    scope     TEXT   NOT NULL,
    client    TEXT   NOT NULL,
    family    BIGINT NOT NULL,
    created   BIGINT NOT NULL,
    expires   BIGINT NOT NULL,
    used      BIGINT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id, device_id);
CREATE INDEX sessions_family ON sessions (family);

-- login_tokens are single-use tokens for m.login.token. Pruned when expired.
CREATE TABLE login_tokens (
    token   BYTEA  NOT NULL PRIMARY KEY,
    user_id TEXT   NOT NULL,
    expires BIGINT NOT NULL
);

-- openid_tokens prove to others who somebody is (OpenID module). Pruned when expired.
CREATE TABLE openid_tokens (
    token   BYTEA  NOT NULL PRIMARY KEY,
    user_id TEXT   NOT NULL,
    expires BIGINT NOT NULL
);

-- registration_tokens let people register. uses_allowed and expires: 0 no limit.
CREATE TABLE registration_tokens (
    token        TEXT   NOT NULL PRIMARY KEY,
    uses_allowed BIGINT NOT NULL,
    used         BIGINT NOT NULL,
    expires      BIGINT NOT NULL
);

-- uia: sessions of user-interactive authentication, bound to who asks for what.
-- Pruned by age.
CREATE TABLE uia (
    session TEXT   NOT NULL PRIMARY KEY,
    user_id TEXT   NOT NULL,
    action  TEXT   NOT NULL,
    body    BYTEA  NOT NULL,
    done    TEXT   NOT NULL,
    ts      BIGINT NOT NULL
);
CREATE INDEX uia_user ON uia (user_id);

-- profiles: one row a field; value is JSON.
CREATE TABLE profiles (
    user_id TEXT  NOT NULL,
    field   TEXT  NOT NULL,
    value   BYTEA NOT NULL,
    PRIMARY KEY (user_id, field)
);

-- profile_updates: users whose new name or picture is not yet in all their rooms.
CREATE TABLE profile_updates (
    user_id TEXT   NOT NULL PRIMARY KEY,
    pos     BIGINT NOT NULL
);

-- account_data: settings of users, room_id '' for those of no room. content is a
-- JSON object. A deleted one stays as an empty object, so that other clients hear
-- of it (MSC3391).
CREATE TABLE account_data (
    user_id TEXT   NOT NULL,
    room_id TEXT   NOT NULL,
    type    TEXT   NOT NULL,
    content BYTEA  NOT NULL,
    pos     BIGINT NOT NULL,
    deleted BIGINT NOT NULL,
    PRIMARY KEY (user_id, room_id, type)
);
CREATE INDEX account_data_pos ON account_data (user_id, pos);

-- push_rules: what users changed of the default push rules, as JSON. One row a user
-- who changed anything.
CREATE TABLE push_rules (
    user_id TEXT   NOT NULL PRIMARY KEY,
    json    BYTEA  NOT NULL,
    pos     BIGINT NOT NULL
);

-- filters that clients uploaded. Equal ones have one id.
CREATE TABLE filters (
    user_id   TEXT  NOT NULL,
    filter_id TEXT  NOT NULL,
    json      BYTEA NOT NULL,
    PRIMARY KEY (user_id, filter_id)
);

-- device_changes: the newest position at which a user's devices or keys changed.
-- One row a user.
CREATE TABLE device_changes (
    user_id TEXT   NOT NULL PRIMARY KEY,
    pos     BIGINT NOT NULL
);
CREATE INDEX device_changes_pos ON device_changes (pos);
