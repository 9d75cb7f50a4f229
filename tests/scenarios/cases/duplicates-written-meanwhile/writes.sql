UPDATE {t} SET v = {n} WHERE id = {own 1..2000};

-- once the copy has begun
UPDATE {t} SET place = 1 WHERE id = 100 AND {copying} = 1;
