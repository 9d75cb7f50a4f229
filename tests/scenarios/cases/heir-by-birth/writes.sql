UPDATE {t} SET v = {n} WHERE id = {own 1..900};

DO $$ BEGIN PERFORM set_config('search_path', split_part('{t}', '.', 1), true); UPDATE first SET late = '{n}' WHERE a = {own 101..900}; END $$;

DELETE FROM {t} WHERE id = {own 1..900};

INSERT INTO {t} (id, a, v, b) VALUES (10000 + {n}, 1000000 + {n}, 1, 'written');
