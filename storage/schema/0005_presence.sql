-- presence: what users say of themselves and when they were last active, in ms since
-- the epoch: what outlives a restart. Written by userserver, last_active only when
-- somebody comes or stops being active. One row for each user who was ever present;
-- it goes with the account.
CREATE TABLE presence (
    user_id     TEXT   NOT NULL PRIMARY KEY,
    status_msg  TEXT   NOT NULL,
    last_active BIGINT NOT NULL
);
