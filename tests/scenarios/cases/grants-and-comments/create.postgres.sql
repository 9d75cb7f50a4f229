DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'osc_reader') THEN CREATE ROLE osc_reader; CREATE ROLE osc_owner; END IF; END $$;

CREATE TABLE {t} (id integer PRIMARY KEY, v integer, secret text, note text) WITH (autovacuum_enabled = false, fillfactor = 77, toast.autovacuum_enabled = false);

COMMENT ON TABLE {t} IS 'the table''s comment';

COMMENT ON COLUMN {t}.v IS 'a "column"';

COMMENT ON CONSTRAINT t_pkey ON {t} IS 'the key''s';

ALTER TABLE {t} ALTER note SET STORAGE EXTERNAL, ALTER note SET COMPRESSION pglz, ALTER v SET STATISTICS 300, ALTER secret SET (n_distinct = -0.5);

GRANT SELECT, UPDATE (v) ON {t} TO osc_reader WITH GRANT OPTION;

GRANT INSERT (id, v), REFERENCES (id) ON {t} TO PUBLIC;

REVOKE TRUNCATE ON {t} FROM CURRENT_USER;

INSERT INTO {t} SELECT n, n, 'x', 'y' FROM {numbers 1500};

ALTER TABLE {t} OWNER TO osc_owner;

ALTER TABLE {t} REPLICA IDENTITY FULL;
