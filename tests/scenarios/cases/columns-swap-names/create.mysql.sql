CREATE TABLE {t} (id INT NOT NULL PRIMARY KEY, a VARCHAR(20), b VARCHAR(20), c INT, KEY by_a (a), KEY by_b (b));

INSERT INTO {t} SELECT n, CONCAT('a', n), CONCAT('b', n), n FROM {numbers 2000};
