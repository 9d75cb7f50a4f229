CREATE TABLE {t} (id INT NOT NULL, w INT NOT NULL, v INT, e ENUM('a', 'b') NOT NULL DEFAULT 'b', PRIMARY KEY (id));

INSERT INTO {t} SELECT n, n % 7, n, 1 + n % 2 FROM {numbers 1500};
