CREATE TABLE {t} (
    word VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci NOT NULL,
    mood ENUM('sad', 'happy', 'so') NOT NULL, n DECIMAL(8,2) NOT NULL, v INT,
    PRIMARY KEY (word, mood, n), KEY (v)
) PARTITION BY KEY (word) PARTITIONS 2;

INSERT INTO {t} SELECT CONCAT('Wört ', n), 1 + n % 3, n / 4, n FROM {numbers 500};
