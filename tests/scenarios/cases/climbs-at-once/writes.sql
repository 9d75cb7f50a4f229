UPDATE {t} SET amount = {0..60}, state = 'paid' WHERE id = {own 1..1500};

INSERT INTO {t} (id, parent, amount, note) VALUES (10000 + {n}, 1 + {0..40}, {n}, 'new');

DELETE FROM {t} WHERE id = {own 1..1500};
