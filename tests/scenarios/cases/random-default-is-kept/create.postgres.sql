CREATE TABLE {t} (id integer PRIMARY KEY, v integer, old uuid NOT NULL DEFAULT gen_random_uuid());

INSERT INTO {t} SELECT n, n, md5(n::text)::uuid FROM {numbers 1500};
