DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'osc_tenant') THEN CREATE ROLE osc_tenant; END IF; END $$;

CREATE TABLE {t} (id integer PRIMARY KEY, owner text NOT NULL DEFAULT current_user, v integer);

ALTER TABLE {t} ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_rows ON {t} FOR SELECT TO osc_tenant USING (owner = current_user);

CREATE POLICY no_deletes ON {t} AS RESTRICTIVE FOR DELETE TO PUBLIC USING (false);

INSERT INTO {t} SELECT n, 'x', n FROM {numbers 1000};
