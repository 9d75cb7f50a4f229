CREATE TABLE {t} (id integer NOT NULL UNIQUE, v integer);

INSERT INTO {t} SELECT n, n FROM {numbers 500};
