ALTER TABLE {t} MODIFY `key` BIGINT COMMENT 'drop column `key`, rename', ADD COLUMN `wh ere` INT DEFAULT 1, ADD INDEX `a-b` (`{a}`);
