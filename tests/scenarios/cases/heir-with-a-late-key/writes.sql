UPDATE {t} SET v = {n} WHERE id = {own 1..600};

DO $$ BEGIN PERFORM set_config('search_path', split_part('{t}', '.', 1), true); UPDATE elder SET id = id + 1000 WHERE id = {own 101..600}; END $$;

DELETE FROM {t} WHERE id = {own 1..600};

INSERT INTO {t} VALUES (10000 + {n}, 1, {n}, int4range(1000 + {n}, 1001 + {n}));
