CREATE TABLE {t} (padded VARCHAR(20) COLLATE utf8mb4_bin NOT NULL, raw VARBINARY(20) NOT NULL, v INT, PRIMARY KEY (padded, raw)) DEFAULT CHARSET = utf8mb4;

INSERT INTO {t} SELECT CONCAT('k', n % 50, IF(n % 2, ' ', '')), CONCAT(n DIV 50, IF(n % 3, ' ', x'00')), n FROM {numbers 2000};
