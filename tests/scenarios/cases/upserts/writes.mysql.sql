-- takes the place of two rows at once: one by its key, one by its code
REPLACE INTO {t} (id, code, v) VALUES ({1..2000}, 'c{1..2000}', 1);

REPLACE INTO {t} (id, code, v) VALUES (10000 + {n}, 'c{1..2000}', 2);

INSERT INTO {t} (id, code, v) VALUES (20000 + {n}, 'c{1..2200}', 1) ON DUPLICATE KEY UPDATE v = v + 1;

INSERT INTO {t} (id, code) VALUES ({1..2200}, 'd{n}') ON DUPLICATE KEY UPDATE code = 'e{n}', v = v + 1;

INSERT IGNORE INTO {t} (id, code) VALUES ({1..2200}, 'c{1..2200}');

INSERT INTO {t} (id, code, v) VALUES ({1..2200}, 'f{n}', 1), ({1..2200}, 'g{n}', 2) ON DUPLICATE KEY UPDATE v = v + 10;
