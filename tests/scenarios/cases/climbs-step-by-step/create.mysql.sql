CREATE TABLE {t} (
    id INT NOT NULL PRIMARY KEY, a INT NOT NULL DEFAULT 1, b VARCHAR(60), c INT, d INT,
    KEY by_a (a), KEY by_b (b)
);

INSERT INTO {t} SELECT n, n % 97, 'some words', n, n FROM {numbers 1500};
