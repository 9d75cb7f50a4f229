SET sql_generate_invisible_primary_key = ON;

CREATE TABLE {t} (no INT NOT NULL, v INT, hidden INT DEFAULT 5 INVISIBLE);

INSERT INTO {t} (no, v, hidden) SELECT n, n, n FROM {numbers 2000};
