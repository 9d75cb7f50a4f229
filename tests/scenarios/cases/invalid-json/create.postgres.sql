CREATE TABLE {t} (id integer PRIMARY KEY, doc text NOT NULL);

INSERT INTO {t} SELECT n, CASE n WHEN 1990 THEN '{oops' ELSE '{}' END FROM {numbers 2000};
