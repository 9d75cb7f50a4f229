CREATE TABLE {t} (id integer PRIMARY KEY, a text NOT NULL DEFAULT '1', b integer, secs integer, flag integer, v varchar(10));

INSERT INTO {t} SELECT n, n::text, n % 9, n, n % 2, n FROM {numbers 2500};
