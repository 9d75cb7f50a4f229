CREATE TABLE {t} (a INT, going VARCHAR(10), id INT NOT NULL PRIMARY KEY, b INT DEFAULT 5, c INT NOT NULL, gone INT, d VARCHAR(10));

CREATE INDEX by_going ON {t} (going);

CREATE INDEX by_both ON {t} (b, gone);

INSERT INTO {t} SELECT n, 'x', n, n + 1, n + 2, n + 3, 'd' FROM {numbers 2000};
