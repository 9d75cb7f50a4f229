CREATE TABLE parent (id INT NOT NULL PRIMARY KEY);

INSERT INTO parent VALUES (1), (2);

CREATE TABLE {t} (id INT NOT NULL PRIMARY KEY, parent INT, v INT, CONSTRAINT to_parent FOREIGN KEY (parent) REFERENCES parent (id));

INSERT INTO {t} SELECT n, 1 + n % 2, n FROM {numbers 500};
