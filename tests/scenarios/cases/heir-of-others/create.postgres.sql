CREATE TABLE whole (id integer NOT NULL, v integer CONSTRAINT pos CHECK (v <> -1));

CREATE TABLE other (w text, v integer);

CREATE TABLE {t} (
    extra integer, id integer NOT NULL, v integer, w text,
    CONSTRAINT pos CHECK (v <> -1),
    PRIMARY KEY (id)
);

ALTER TABLE {t} INHERIT whole, INHERIT other;

INSERT INTO {t} SELECT n, n, n FROM {numbers 249};

INSERT INTO whole SELECT n, n FROM {numbers 100};
