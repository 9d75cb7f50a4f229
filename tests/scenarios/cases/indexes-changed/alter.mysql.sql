ALTER TABLE {t} DROP INDEX going, ADD INDEX `new one` (d, b(5)), RENAME INDEX last_one TO renamed, ADD INDEX calc ((a + d)), ADD INDEX hidden (d) INVISIBLE;
