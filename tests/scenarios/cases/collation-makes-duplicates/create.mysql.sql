CREATE TABLE {t} (id INT NOT NULL PRIMARY KEY, code VARCHAR(20) COLLATE utf8mb4_bin NOT NULL, v INT, UNIQUE KEY by_code (code)) DEFAULT CHARSET = utf8mb4;

INSERT INTO {t} SELECT n, ELT(1 + (n = 1500) + 2 * (n = 1700), CONCAT('c', n), 'straße', 'STRAẞE'), n FROM {numbers 2000};

UPDATE {t} SET code = 'C77' WHERE id = 1500;
