INSERT INTO {t} SELECT 10000 + {n} * 100 + n, n, 'behind' FROM {numbers 50};

INSERT INTO {t} SELECT -10000 - {n} * 100 - n, n, 'before' FROM {numbers 20};

UPDATE {t} SET note = 'u{n}' WHERE id = {own 1..1000};
