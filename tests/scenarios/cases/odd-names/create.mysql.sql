CREATE TABLE {t} (
  `select` INT NOT NULL, `a b` INT, `quo``te` VARCHAR(20), `ключ %s %d` VARCHAR(20) DEFAULT 'x', `{a}` INT, `key` INT,
  PRIMARY KEY (`select`), UNIQUE KEY `uni-que` (`a b`), KEY `by ``index` (`quo``te`)
) COMMENT 'it''s "quoted" `twice` -- ; /* %s */';

INSERT INTO {t} SELECT n, n, 'x', 'y', n, n FROM {numbers 2000};
