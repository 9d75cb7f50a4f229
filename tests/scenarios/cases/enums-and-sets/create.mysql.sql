SET sql_mode = '';

CREATE TABLE {t} (
  id INT NOT NULL PRIMARY KEY,
  colour ENUM('red', 'green', 'blue') NOT NULL, shade ENUM('a', 'B', 'ö'),
  tags SET('x', 'y', 'z') NOT NULL, marks SET('one', 'two', 'three'), e ENUM('1', '2', '0')
);

INSERT INTO {t} SELECT n, 1 + n % 3, ELT(1 + n % 4, 'a', 'B', 'ö', NULL), n % 8, n % 8, 1 + n % 3 FROM {numbers 2000};
