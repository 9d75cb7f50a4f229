UPDATE {t} SET one = b'{0..1}', five = {0..31}, full = b'1000000000000000000000000000000000000000000000000000000000000000' WHERE id = {own 1..2000};

UPDATE {t} SET full = 0x0D0A005C27 + {n}, five = NULL WHERE id = {own 1..2000};

INSERT INTO {t} (id, one, five, full) VALUES (10000 + {n}, b'1', b'00001', b'1');

DELETE FROM {t} WHERE id = {own 1..2000};
