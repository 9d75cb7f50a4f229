CREATE TABLE {t} (name VARCHAR(40) NOT NULL PRIMARY KEY, v INT, no INT NOT NULL) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_general_ci;

INSERT INTO {t} SELECT CONCAT(ELT(1 + n % 6, 'a', 'B', 'ä', 'É', '_', 'ß'), n), n, n FROM {numbers 2500};
