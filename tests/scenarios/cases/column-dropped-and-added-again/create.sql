CREATE TABLE {t} (id INT NOT NULL PRIMARY KEY, v INT, state VARCHAR(10) DEFAULT 'old');

INSERT INTO {t} SELECT n, n, concat('s', n) FROM {numbers 2000};
