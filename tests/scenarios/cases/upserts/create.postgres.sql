CREATE TABLE {t} (id integer PRIMARY KEY, code varchar(20) NOT NULL, v integer NOT NULL DEFAULT 0, s integer, CONSTRAINT uq_code UNIQUE (code));

INSERT INTO {t} SELECT n, 'c' || n, 0, n FROM {numbers 2000};
