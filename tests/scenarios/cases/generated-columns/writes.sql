-- turned_plain does not move with a and b any more once it is plain: so they are left alone
UPDATE {t} SET note = 'u{n}' WHERE id = {own 1..2000};

BEGIN;
DELETE FROM {t} WHERE id = {a:own 1..2000};
INSERT INTO {t} (id, a, b, note) VALUES (-{n} - 1, 0, 0, NULL);
UPDATE {t} SET note = 'in the same transaction' WHERE id = -{n} - 1;
COMMIT;
