CREATE TABLE parent (id integer PRIMARY KEY, w integer);

INSERT INTO parent SELECT n, n FROM {numbers 700};

CREATE TABLE {t} (
    id integer PRIMARY KEY,
    p integer CONSTRAINT to_parent REFERENCES parent ON UPDATE CASCADE ON DELETE CASCADE,
    me integer,
    u integer NOT NULL,
    v integer
);

CREATE UNIQUE INDEX t_u ON {t} (u);

INSERT INTO {t} SELECT n, CASE WHEN n > 1000 THEN n - 1000 ELSE 301 + n % 300 END, NULL, n, CASE WHEN n < 100 THEN 5000 + n ELSE 601 + n % 100 END FROM {numbers 1300};

UPDATE {t} SET me = id - 1 WHERE id > 1;

ALTER TABLE {t} ADD CONSTRAINT to_itself FOREIGN KEY (me) REFERENCES {t} ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE {t} ADD CONSTRAINT never_checked FOREIGN KEY (v) REFERENCES parent NOT VALID;

COMMENT ON CONSTRAINT to_parent ON {t} IS 'it''s the parent';

CREATE TABLE child (
    id integer PRIMARY KEY,
    t integer CONSTRAINT to_t REFERENCES {t} ON DELETE CASCADE,
    u integer,
    CONSTRAINT "to ""u" FOREIGN KEY (u) REFERENCES {t} (u) MATCH FULL ON DELETE SET NULL
);

COMMENT ON CONSTRAINT to_t ON child IS 'the child''s';

INSERT INTO child SELECT n, n, n FROM {numbers 1300};
