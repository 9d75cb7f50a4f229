CREATE TABLE {t} (id integer PRIMARY KEY, v integer, w integer);

CREATE TABLE taken (id integer CONSTRAINT t_v_check CHECK (id > 0), x integer CONSTRAINT t_w_key UNIQUE);

INSERT INTO {t} SELECT n, n, n FROM {numbers 300};
