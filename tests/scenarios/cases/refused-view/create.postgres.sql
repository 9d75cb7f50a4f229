CREATE TABLE {t} (id integer PRIMARY KEY, v integer, w integer);

CREATE VIEW seen AS SELECT id, w FROM {t} WHERE w > 5;

INSERT INTO {t} SELECT n, n, n FROM {numbers 500};
