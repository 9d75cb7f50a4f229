CREATE TABLE {t} (id INT, v INT, CONSTRAINT by_id UNIQUE (id));

INSERT INTO {t} SELECT n, n FROM {numbers 500};
