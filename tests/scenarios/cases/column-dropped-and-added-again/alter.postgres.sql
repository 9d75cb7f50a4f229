ALTER TABLE {t} DROP COLUMN state, ADD COLUMN state varchar(10) NOT NULL DEFAULT 'fresh', ALTER v TYPE bigint;
