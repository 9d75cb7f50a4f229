UPDATE {t} SET v = {n} WHERE id = {own 1..240};

DO $$ BEGIN PERFORM set_config('search_path', split_part('{t}', '.', 1), true); INSERT INTO whole VALUES (({n} + 500) * 10, 1); END $$;

DO $$ BEGIN PERFORM set_config('search_path', split_part('{t}', '.', 1), true); UPDATE whole SET v = {n} WHERE id = {own 1..240}; END $$;

DO $$ BEGIN PERFORM set_config('search_path', split_part('{t}', '.', 1), true); DELETE FROM whole WHERE id = {own 1..240}; END $$;

-- To another partition.
DO $$ BEGIN PERFORM set_config('search_path', split_part('{t}', '.', 1), true); UPDATE whole SET id = id + 250 WHERE id = {own 1..240}; END $$;
