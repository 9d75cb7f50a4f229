CREATE TABLE {t} (
  id INT NOT NULL PRIMARY KEY,
  western VARCHAR(50) NOT NULL, cyrillic TEXT CHARACTER SET cp1251, wide VARCHAR(50) CHARACTER SET ucs2,
  greek VARCHAR(20) CHARACTER SET greek, old VARCHAR(50) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin,
  e ENUM('x', 'y') CHARACTER SET latin1, code CHAR(4) CHARACTER SET ascii, b VARBINARY(20)
) DEFAULT CHARSET = latin1;

INSERT INTO {t} SELECT n, 'Ärger €ÿ', 'Щука', '字Ж', 'λόγος', 'Ωß', 'y', 'x', x'E4F6' FROM {numbers 2000};
