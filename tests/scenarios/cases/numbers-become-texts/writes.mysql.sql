UPDATE {t} SET g = -id / 3, z = id + 7 WHERE id = {own 1..300} AND {copying} = 0;

DELETE FROM {t} WHERE id = {own 1..300};
