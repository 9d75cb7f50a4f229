CREATE TABLE {t} (name VARCHAR(100) NOT NULL, v INT, UNIQUE KEY (name(5)));

INSERT INTO {t} SELECT CONCAT(LPAD(n, 5, '0'), 'rest'), n FROM {numbers 500};
