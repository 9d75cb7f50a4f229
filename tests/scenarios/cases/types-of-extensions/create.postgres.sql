CREATE EXTENSION IF NOT EXISTS citext SCHEMA public;

CREATE EXTENSION IF NOT EXISTS hstore SCHEMA public;

CREATE EXTENSION IF NOT EXISTS ltree SCHEMA public;

CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA public;

CREATE TABLE {t} (name citext PRIMARY KEY, h hstore, l ltree, room integer, during int4range, no integer NOT NULL, v integer, EXCLUDE USING gist (room WITH =, during WITH &&));

CREATE INDEX by_h ON {t} USING gin (h);

INSERT INTO {t} SELECT CASE n % 2 WHEN 0 THEN 'Name' ELSE 'nAME' END || n, hstore('k', n::text), ('top.x' || n)::ltree, n, int4range(1, 5), n, n FROM {numbers 1500};
