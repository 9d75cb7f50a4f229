UPDATE {t} SET w = {n} WHERE v = {own 1..500};

DELETE FROM {t} WHERE v = {own 1..500};
