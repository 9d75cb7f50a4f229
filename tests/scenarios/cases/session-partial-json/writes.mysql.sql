UPDATE {t} SET doc = JSON_SET(doc, '$.count', {n}) WHERE id = {own 1..2000};

UPDATE {t} SET doc = JSON_REPLACE(doc, '$.list[1]', {n}), id = id + 100000 WHERE id = {own 1..2000};

UPDATE {t} SET doc = JSON_REMOVE(doc, '$.name'), other = '[1]' WHERE id = {own 1..2000};

INSERT INTO {t} VALUES (-{n} - 1, 1, '{}', NULL);

DELETE FROM {t} WHERE id = {own 1..2000};
