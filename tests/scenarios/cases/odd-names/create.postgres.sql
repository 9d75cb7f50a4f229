CREATE TABLE {t} (
  "select" integer NOT NULL, "a b" integer, "quo""te" varchar(20), "ключ %s %d" varchar(20) DEFAULT 'x', "{a}" integer, "KEY" integer,
  CONSTRAINT "the 'key'" PRIMARY KEY ("select"), CONSTRAINT "uni-que" UNIQUE ("a b"), CONSTRAINT "che""ck" CHECK ("select" <> 0)
);

CREATE INDEX "by ""index" ON {t} ("quo""te");

COMMENT ON TABLE {t} IS 'it''s "quoted" -- ; /* %s */';

INSERT INTO {t} SELECT n, n, 'x', 'y', n, n FROM {numbers 2000};
