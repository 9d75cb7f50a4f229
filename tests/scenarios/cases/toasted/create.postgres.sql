CREATE TABLE {t} (id integer PRIMARY KEY, code text NOT NULL, long text, v integer, CONSTRAINT by_code UNIQUE (code));

ALTER TABLE {t} ALTER long SET STORAGE EXTERNAL, REPLICA IDENTITY USING INDEX by_code;

INSERT INTO {t} SELECT n, 'c' || n, repeat(md5(n::text), 200), n FROM {numbers 500};
