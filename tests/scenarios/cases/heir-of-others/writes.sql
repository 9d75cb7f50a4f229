UPDATE {t} SET extra = {n} WHERE id = {own 1..240};

DO $$ BEGIN PERFORM set_config('search_path', split_part('{t}', '.', 1), true); UPDATE whole SET v = {n} + 100000 WHERE id = {own 1..240}; END $$;

DO $$ BEGIN PERFORM set_config('search_path', split_part('{t}', '.', 1), true); DELETE FROM whole WHERE id = {own 1..240}; END $$;
