INSERT INTO {t} (id, code, v) VALUES ({1..2200}, 'd{n}', 1) ON CONFLICT (id) DO UPDATE SET v = {t}.v + 1, code = excluded.code;

INSERT INTO {t} (id, code, v) VALUES (10000 + {n}, 'c{1..2200}', 1) ON CONFLICT (code) DO UPDATE SET v = {t}.v + 1;

INSERT INTO {t} (id, code, v) VALUES ({1..2200}, 'c{1..2200}', 1) ON CONFLICT DO NOTHING;

INSERT INTO {t} (id, code, v) VALUES (10000 + {n}, 'c{1..2200}', 1) ON CONFLICT ON CONSTRAINT uq_code DO UPDATE SET id = excluded.id;

BEGIN;
DELETE FROM {t} WHERE id = {a:1..2200} OR code = 'c{b:1..2200}';
INSERT INTO {t} (id, code, v) VALUES ({a}, 'c{b}', 2);
COMMIT;
