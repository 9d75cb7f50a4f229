CREATE TABLE {t} (id integer, shop smallint, v integer, PRIMARY KEY (id, shop));

INSERT INTO {t} SELECT n, n % 5, n FROM {numbers 2500};
