CREATE TABLE {t} (id INT NOT NULL, code VARCHAR(20) NOT NULL, v INT, PRIMARY KEY (id), UNIQUE KEY by_code (code));

INSERT INTO {t} SELECT n, CONCAT('c', n), n FROM {numbers 2000};
