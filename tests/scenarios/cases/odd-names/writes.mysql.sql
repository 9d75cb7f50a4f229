UPDATE {t} SET `quo``te` = 'u{n}', `key` = {n} WHERE `select` = {own 1..2000};

INSERT INTO {t} (`select`, `a b`, `ключ %s %d`) VALUES (10000 + {n}, 10000 + {n}, '%s {n}');

DELETE FROM {t} WHERE `select` = {own 1..2000};

UPDATE {t} SET `select` = -`select` WHERE `select` = {own 1..2000};
