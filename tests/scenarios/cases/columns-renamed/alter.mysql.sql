ALTER TABLE {t} RENAME COLUMN first_name TO given_name, CHANGE lettercase LetterCase VARCHAR(40), CHANGE COLUMN `state` `old ``state` VARCHAR(10) DEFAULT 'old', MODIFY v BIGINT;
