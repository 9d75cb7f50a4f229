CREATE TABLE {t} (
  id INT NOT NULL PRIMARY KEY,
  c CHAR(20) NOT NULL, v VARCHAR(100), cased VARCHAR(100) COLLATE utf8mb4_bin, long_text LONGTEXT,
  western VARCHAR(50) CHARACTER SET latin1, cyrillic VARCHAR(50) CHARACTER SET cp1251,
  old VARCHAR(50) CHARACTER SET utf8mb3, wide VARCHAR(50) CHARACTER SET ucs2,
  bc BINARY(8), bv VARBINARY(50), b LONGBLOB, n INT
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

INSERT INTO {t} SELECT n, 'blanks', 'at the end   ', CONCAT('😀', n), REPEAT('aß', 100),
  'ÄÖÜ€ÿ', 'Привет', 'ἀρχή', 'ﬀ字', x'00FF00', x'5C2700220A0D1A20202020', x'0001', n
FROM {numbers 1500};
