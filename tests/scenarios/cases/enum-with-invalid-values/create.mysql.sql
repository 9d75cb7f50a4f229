SET sql_mode = '';

CREATE TABLE {t} (id INT NOT NULL PRIMARY KEY, e ENUM('', 'a', 'b') NOT NULL, f ENUM('x', 'y'), v INT);

INSERT INTO {t} SELECT n, ELT(1 + n % 3, '', 'a', 'b'), ELT(1 + n % 3, 'x', 'y', NULL), n FROM {numbers 1500};
