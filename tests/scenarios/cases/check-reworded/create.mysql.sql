ALTER DATABASE COLLATE utf8mb4_unicode_ci;

CREATE TABLE {t} (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT, name VARCHAR(9), kind ENUM('a) COLLATE utf8mb4_unicode_ci', 'it''s') COMMENT 'x COLLATE utf8mb4_unicode_ci', own CHAR(3) COLLATE utf8mb4_bin, KEY mine (v), CONSTRAINT low CHECK (v >= -7), CHECK (v > 1 - 50));

INSERT INTO {t} (v) SELECT n FROM {numbers 300};

CREATE TABLE heard (told INT);

CREATE TRIGGER hears AFTER UPDATE ON {t} FOR EACH ROW BEGIN INSERT INTO heard VALUES (NEW.v); END;
