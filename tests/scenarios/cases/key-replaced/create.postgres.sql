CREATE TABLE {t} (id integer NOT NULL, code varchar(20) NOT NULL, v integer, CONSTRAINT t_pkey PRIMARY KEY (id), CONSTRAINT by_code UNIQUE (code));

INSERT INTO {t} SELECT n, 'c' || n, n FROM {numbers 2000};
