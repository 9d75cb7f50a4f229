UPDATE {t} SET day = '2023-02-31', note = 'far too long' WHERE id = {own 1..2000};

UPDATE {t} SET day = '0000-00-00', stamp = 0 WHERE id = {own 1..2000};

INSERT INTO {t} (id) VALUES (10000 + {n});

UPDATE {t} SET day = '2024-00-31' WHERE id = {own 1..2000};
