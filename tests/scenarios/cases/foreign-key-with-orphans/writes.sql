ONCE UPDATE {t} SET v = 7777 WHERE id = 5;

UPDATE {t} SET v = {1..100} WHERE id = {own 6..300};
