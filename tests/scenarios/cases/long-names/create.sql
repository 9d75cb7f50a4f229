CREATE TABLE {t} (id INT NOT NULL PRIMARY KEY, v INT, CONSTRAINT a_constraint_whose_name_is_as_long_as_postgresql_allows_it_bytes UNIQUE (v));

INSERT INTO {t} SELECT n, n FROM {numbers 500};
