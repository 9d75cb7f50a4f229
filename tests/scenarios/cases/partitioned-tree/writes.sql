UPDATE {t} SET v = {n} + 10 WHERE id = {own 1..900};

INSERT INTO {t} (id, day, v) OVERRIDING SYSTEM VALUE
VALUES ({n} + 100000, '2024-01-01'::date + {n} % 700, 1);

-- To another partition.
UPDATE {t} SET day = day + 200 WHERE id = {own 1..900};

-- Past the table itself.
DO $$ BEGIN PERFORM set_config('search_path', split_part('{t}', '.', 1), true); DELETE FROM y24a WHERE id = {own 1..900}; END $$;

UPDATE {s}.child SET v = {n} WHERE v = {own 1..900};

UPDATE {s}.of_25 SET note = 'seen {n}' WHERE id = {own 1..900};
