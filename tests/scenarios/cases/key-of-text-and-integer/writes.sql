UPDATE {t} SET v = {n} WHERE no = {own 1..3000};

-- the same letters in another case: for a collation the same key, for Python another one
UPDATE {t} SET who = upper(who) WHERE no = {own 1..3000};

UPDATE {t} SET who = lower(who) WHERE no = {own 1..3000};

UPDATE {t} SET who = 'ÄÖ{a:0..9} ''\\' WHERE no = {own 1..3000};

INSERT INTO {t} (who, no, v) VALUES ('', 1000000 + {n}, 1);

DELETE FROM {t} WHERE no = {own 1..3000};
