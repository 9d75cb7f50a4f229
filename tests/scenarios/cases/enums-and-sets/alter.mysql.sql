ALTER TABLE {t} MODIFY colour ENUM('blue', 'yellow', 'red', 'green') NOT NULL, MODIFY shade VARCHAR(10), MODIFY tags SET('z', 'y', 'w', 'x') NOT NULL, MODIFY marks VARCHAR(40);
