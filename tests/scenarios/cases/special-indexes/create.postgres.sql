CREATE TABLE {t} (id integer, a integer, b text, r int4range, doc jsonb, v integer, CONSTRAINT the_key PRIMARY KEY (id) INCLUDE (a) WITH (fillfactor = 80), CONSTRAINT uq UNIQUE NULLS NOT DISTINCT (a, b));

CREATE UNIQUE INDEX partly ON {t} (b) WHERE a > 100000;

CREATE INDEX by_expression ON {t} (lower(b) DESC NULLS LAST, (a + 1)) INCLUDE (v);

CREATE INDEX by_pattern ON {t} (b COLLATE "C" text_pattern_ops) WITH (fillfactor = 70);

CREATE INDEX by_doc ON {t} USING gin (doc jsonb_path_ops) WITH (fastupdate = off);

CREATE INDEX by_range ON {t} USING gist (r);

CREATE INDEX by_block ON {t} USING brin (a) WITH (pages_per_range = 4);

CREATE INDEX by_hash ON {t} USING hash (b);

COMMENT ON INDEX by_hash IS 'what''s that';

ALTER INDEX by_expression ALTER COLUMN 2 SET STATISTICS 500;

ALTER TABLE {t} CLUSTER ON uq;

CREATE STATISTICS st_ab (dependencies, mcv) ON a, b FROM {t};

INSERT INTO {t} SELECT n, n, 'B' || n, int4range(n, n + 5), '{"a": 1}', n FROM {numbers 1500};
