CREATE TABLE {t} (id INT NOT NULL PRIMARY KEY, v INT, first_name VARCHAR(20) NOT NULL, lettercase VARCHAR(20), state VARCHAR(10) DEFAULT 'new');

CREATE INDEX by_name ON {t} (first_name, state);

INSERT INTO {t} SELECT n, n, concat('name ', n), concat('case ', n), concat('s', n) FROM {numbers 2000};
