CREATE TABLE {t} (id INT NOT NULL PRIMARY KEY, place INT, v VARCHAR(20) NOT NULL, CONSTRAINT uq_place UNIQUE (place));

INSERT INTO {t} SELECT n, n, concat('v', n) FROM {numbers 3000};
