CREATE TABLE {t} (id integer PRIMARY KEY, v integer);

CREATE TABLE heir (extra text) INHERITS ({t});

INSERT INTO {t} SELECT n, n FROM {numbers 500};

INSERT INTO heir SELECT n + 1000, n, 'x' FROM {numbers 5};
