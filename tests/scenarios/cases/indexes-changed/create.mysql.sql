CREATE TABLE {t} (
  id INT NOT NULL PRIMARY KEY, a INT, b VARCHAR(100), c TEXT, d INT COMMENT 'd''s',
  KEY going (a), KEY kept (a, b(10)) COMMENT 'a comment, with KEY `x` (y)', KEY downwards (a DESC, d), FULLTEXT KEY words (c), UNIQUE KEY uq (d, a), KEY last_one (b)
);

INSERT INTO {t} SELECT n, n % 50, CONCAT('b', n), CONCAT('some words ', n), n FROM {numbers 1500};
