CREATE TABLE {t} (id integer PRIMARY KEY, place integer, during int4range, v integer, CONSTRAINT uq_place UNIQUE (place) DEFERRABLE INITIALLY DEFERRED, CONSTRAINT no_overlap EXCLUDE USING gist (during WITH &&));

INSERT INTO {t} SELECT n, n, int4range(n * 10, n * 10 + 5), n FROM {numbers 1500};
