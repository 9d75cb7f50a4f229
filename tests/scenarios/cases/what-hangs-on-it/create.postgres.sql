CREATE TABLE {t} (id integer PRIMARY KEY, u integer, v integer, c text);

INSERT INTO {t} SELECT n, n, n, 'c' || n FROM {numbers 1500};

CREATE VIEW seen AS SELECT id, u, c FROM {t} WHERE u > 5;

COMMENT ON VIEW seen IS 'what is seen';

COMMENT ON COLUMN seen.u IS 'the second';

ALTER VIEW seen ALTER COLUMN c SET DEFAULT 'by the view';

GRANT SELECT ON seen TO PUBLIC;

CREATE VIEW upon AS SELECT seen.id, count(*) AS n FROM seen GROUP BY seen.id;

CREATE VIEW guarded WITH (security_barrier = true, check_option = cascaded) AS SELECT id, u FROM {t} WHERE id > 0;

CREATE VIEW grouped AS SELECT t.id, t.c FROM {t} AS t GROUP BY t.id;

CREATE VIEW whole AS SELECT row_to_json(t) ->> 'id' AS id FROM {t} AS t;

CREATE RULE gone AS ON DELETE TO grouped DO INSTEAD DELETE FROM {t} WHERE id = OLD.id;

CREATE FUNCTION below(most integer) RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT count(*) FROM {t} AS t WHERE t.u < most; END;

CREATE TABLE secret (id integer PRIMARY KEY, of integer);

ALTER TABLE secret ENABLE ROW LEVEL SECURITY;

CREATE POLICY known ON secret USING (EXISTS (SELECT FROM {t} AS t WHERE t.id = secret.of)) WITH CHECK (of IN (SELECT id FROM {t}));

CREATE TABLE log (id integer, what text);

CREATE RULE noted AS ON INSERT TO log DO ALSO UPDATE {t} SET c = NEW.what WHERE id = NEW.id;

CREATE RULE silent AS ON DELETE TO log DO ALSO DELETE FROM {t} WHERE id = OLD.id;

ALTER TABLE log DISABLE RULE silent;

DO $$ BEGIN IF current_schema() = 'public' THEN CREATE PUBLICATION theirs FOR TABLE t (id, u) WHERE (id > 0); ELSE ALTER PUBLICATION theirs ADD TABLE t (id, u) WHERE (id > 0); END IF; END $$;
