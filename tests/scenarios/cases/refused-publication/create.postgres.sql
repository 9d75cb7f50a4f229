CREATE TABLE {t} (id integer PRIMARY KEY, v integer, w integer);

DO $$ BEGIN IF current_schema() = 'public' THEN CREATE PUBLICATION theirs FOR TABLE t (id, w) WHERE (id > 0); ELSE ALTER PUBLICATION theirs ADD TABLE t (id, w) WHERE (id > 0); END IF; END $$;

INSERT INTO {t} SELECT n, n, n FROM {numbers 1000};
