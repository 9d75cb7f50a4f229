CREATE TABLE {t} (v INT, maybe INT, code VARCHAR(20) NOT NULL, no INT NOT NULL, CONSTRAINT by_maybe UNIQUE (maybe), CONSTRAINT by_code UNIQUE (code, no));

INSERT INTO {t} SELECT n, CASE WHEN n % 2 = 0 THEN n END, concat('c', n), n FROM {numbers 2000};
