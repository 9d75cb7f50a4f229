CREATE TABLE {t} (
  id integer PRIMARY KEY,
  c char(20) NOT NULL, v varchar(100), x text COLLATE "C", one "char", nam name, b bytea, n integer
);

INSERT INTO {t} SELECT n, 'blanks', 'at the end   ', repeat('aß😀', 100), 'x', 'y', '\x0001ff005c27', n
FROM {numbers 1500};
