INSERT INTO {t} (v) VALUES ({n});

UPDATE {t} SET v = {n} WHERE id = 97 + 3 * {1..1500};

BEGIN;
INSERT INTO {t} (v) VALUES ({n});
ROLLBACK;

INSERT INTO {t} (id, d, v) OVERRIDING SYSTEM VALUE VALUES (-{n} - 1, -{n}, 0);
