INSERT INTO {t} VALUES ({n}, {n});

BEGIN;
INSERT INTO {t} VALUES (-{n} - 1, 1);
DELETE FROM {t} WHERE id < 0 AND id % {writers} = -(({n} + 1) % {writers});
COMMIT;
