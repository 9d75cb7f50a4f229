ALTER TABLE {t} ALTER v TYPE bigint, DROP COLUMN gone, ADD CHECK (v > -100),
    ADD COLUMN at timestamptz NOT NULL DEFAULT make_timestamptz(2020, 1, 1, 0, 0, 0);
