CREATE TABLE {t} (id INT NOT NULL PRIMARY KEY, doc JSON, kept JSON NOT NULL, v INT, txt LONGTEXT);

INSERT INTO {t} SELECT n,
  '{"b": 1.10,  "a": 12345678901234567890, "ä": "😀", "n": null, "b": 2, "l": [1.0, -0.0, true]}',
  '["a",   {"k": 123456789012345678901234567890}]', n, '{"a": 1}'
FROM {numbers 1500};
