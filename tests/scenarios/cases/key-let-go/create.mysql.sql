CREATE TABLE {t} (
    id INT NOT NULL PRIMARY KEY, code INT NOT NULL, v INT, w VARCHAR(20),
    g INT AS (v + 1) VIRTUAL, KEY by_g (g), FULLTEXT by_w (w)
);

INSERT INTO {t} (id, code, v, w) SELECT n, n + 7, n, CONCAT('word ', n) FROM {numbers 500};
