CREATE TABLE parent (id INT NOT NULL PRIMARY KEY);

INSERT INTO parent SELECT n FROM {numbers 100};

CREATE TABLE {t} (
    id INT NOT NULL PRIMARY KEY, parent INT, second INT, third INT, v INT,
    CONSTRAINT to_parent FOREIGN KEY (parent) REFERENCES parent (id),
    CONSTRAINT goes FOREIGN KEY (second) REFERENCES parent (id),
    FOREIGN KEY (third) REFERENCES {t} (id), KEY behind (v)
);

INSERT INTO {t} SELECT n, 1 + n % 50, 1, NULL, 1 + n % 100 FROM {numbers 500};

CREATE TABLE child (
    id INT NOT NULL PRIMARY KEY, t INT, CONSTRAINT to_t FOREIGN KEY (t) REFERENCES {t} (id)
);

INSERT INTO child SELECT n, n FROM {numbers 300};
