CREATE TABLE {t} (id integer PRIMARY KEY, v integer, b bytea, txt text);

ALTER TABLE {t} ALTER b SET STORAGE EXTERNAL;

INSERT INTO {t} SELECT n, n, decode(repeat(md5(n::text), CASE WHEN n % 20 = 0 THEN 65536 ELSE n % 300 END), 'hex'), repeat('ä', n % 30000) FROM {numbers 200};
