CREATE TABLE {t} (
    id bigint GENERATED ALWAYS AS IDENTITY,
    day date NOT NULL,
    v integer,
    gone text,
    note text COLLATE "C" DEFAULT 'root',
    kind int DEFAULT 1,
    PRIMARY KEY (day, id)
) PARTITION BY RANGE (day);

-- Its columns in another order than its parent's.
CREATE TABLE y24 (
    note text COLLATE "C", junk int, v integer, day date NOT NULL, gone text, kind int,
    id bigint NOT NULL
) PARTITION BY HASH (id);

ALTER TABLE y24 DROP junk;

ALTER TABLE {t} ATTACH PARTITION y24 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');

CREATE TABLE y24a PARTITION OF y24 FOR VALUES WITH (MODULUS 2, REMAINDER 0) WITH (fillfactor = 70);

CREATE TABLE y24b PARTITION OF y24 FOR VALUES WITH (MODULUS 2, REMAINDER 1);

CREATE TABLE y25 PARTITION OF {t} (note DEFAULT 'y25', CONSTRAINT own CHECK (v <> -7))
    FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');

CREATE TABLE rest PARTITION OF {t} DEFAULT;

CREATE INDEX by_v ON {t} (v) INCLUDE (note);

CREATE INDEX own_v ON y25 (v DESC) WHERE v > 5;

CREATE INDEX own_twin ON y25 (v) INCLUDE (note);

ALTER TABLE y25 ADD CONSTRAINT u25 UNIQUE (id);

-- Its own as well as its parent's.
ALTER TABLE y25 ALTER day SET NOT NULL;

ALTER TABLE {t} ADD CONSTRAINT later CHECK (v <> 3) NOT VALID;

ALTER TABLE y24b ADD CONSTRAINT later_b CHECK (v <> 4) NOT VALID;

CREATE TABLE kinds (kind int PRIMARY KEY);

INSERT INTO kinds VALUES (1);

ALTER TABLE y25 ADD CONSTRAINT of_kind FOREIGN KEY (kind) REFERENCES kinds;

CREATE FUNCTION seen() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.v = NEW.v + 1; RETURN NEW; END';

CREATE TRIGGER counted BEFORE INSERT ON {t} FOR EACH ROW EXECUTE FUNCTION seen();

ALTER TABLE y24b DISABLE TRIGGER counted;

ALTER TABLE y25 ENABLE ALWAYS TRIGGER counted;

COMMENT ON TRIGGER counted ON rest IS 'its own';

COMMENT ON TABLE y25 IS 'the year 25';

COMMENT ON COLUMN y25.v IS 'v of 25';

COMMENT ON INDEX by_v IS 'by v';

GRANT SELECT ON y25 TO pg_monitor;

ALTER TABLE y25 ALTER v SET STATISTICS 300;

INSERT INTO {t} (day, v, note) SELECT '2024-01-01'::date + n % 800, n + 10, 'x' || n
FROM {numbers 900};

CREATE TABLE child (day date, id bigint, v integer, FOREIGN KEY (day, id) REFERENCES {t} ON UPDATE CASCADE ON DELETE CASCADE);

INSERT INTO child SELECT day, id, id FROM {t} WHERE id % 3 = 0;

CREATE VIEW of_25 AS SELECT id, day, note FROM y25 WHERE id > 0;
