CREATE TABLE {t} (id integer PRIMARY KEY, doc json, kept jsonb NOT NULL, same json, v integer);

INSERT INTO {t} SELECT n,
  '{"b": 1.10,  "a": 12345678901234567890, "ä": "😀", "n": null, "b": 2, "l": [1.0, -0.0, true]}',
  '["a",   {"k": 123456789012345678901234567890.10}]', '{"b": 1,   "b": 2, "a": 1e2}', n
FROM {numbers 1500};
