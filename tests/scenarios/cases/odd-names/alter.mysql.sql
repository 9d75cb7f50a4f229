ALTER TABLE {t} MODIFY "key" BIGINT COMMENT 'drop column `key`, rename', CHANGE "{a}" "b""b" BIGINT, ADD COLUMN 5a INT DEFAULT 1 /*!50100 , ADD COLUMN `wh ere` INT, ADD INDEX "a-b" ("b""b") */;
