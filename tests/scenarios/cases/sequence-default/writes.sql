UPDATE {t} SET v = {n} WHERE no = {own 1..600};

DELETE FROM {t} WHERE no = {own 1..600};

UPDATE {t} SET address = CONCAT('::ffff:10.0.', {n} DIV 250, '.', {n} % 250) WHERE no = {own 1..600};
