CREATE TABLE {t} (id integer PRIMARY KEY, v integer NOT NULL, note varchar(20));

INSERT INTO {t} SELECT n, CASE n WHEN 2500 THEN 32768 ELSE n END, 'x' FROM {numbers 3000};
