CREATE TABLE parent (id INT NOT NULL PRIMARY KEY, name VARCHAR(20));

INSERT INTO parent SELECT n, 'p' FROM {numbers 50};

CREATE TABLE {t} (
    id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    parent INT NOT NULL,
    state ENUM('new', 'paid') NOT NULL DEFAULT 'new' COMMENT 'where it stands',
    amount DECIMAL(10,2) NOT NULL DEFAULT 0,
    twice DECIMAL(11,2) AS (amount * 2) VIRTUAL,
    note VARCHAR(40) CHARACTER SET latin1 NOT NULL DEFAULT '',
    gone INT,
    KEY by_parent (parent),
    CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES parent (id),
    CONSTRAINT not_negative CHECK (amount >= 0)
);

INSERT INTO {t} (id, parent, amount, note, gone) SELECT n, 1 + n % 50, n, 'é', n FROM {numbers 1500};

CREATE TABLE child (id INT NOT NULL PRIMARY KEY, t INT, CONSTRAINT of_t FOREIGN KEY (t) REFERENCES {t} (id));

CREATE TRIGGER on_insert BEFORE INSERT ON {t} FOR EACH ROW SET NEW.note = CONCAT(NEW.note, '!');

CREATE VIEW paid AS SELECT id, amount FROM {t} WHERE state = 'paid';
