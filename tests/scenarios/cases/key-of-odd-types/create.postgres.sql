CREATE TYPE size AS ENUM ('z', 'b', 'a');

CREATE DOMAIN counted AS integer CHECK (VALUE >= 0);

CREATE DOMAIN small AS counted NOT NULL CHECK (VALUE < 100000);

CREATE TABLE {t} (e size NOT NULL, bits bit(12) NOT NULL, addr inet NOT NULL, span interval NOT NULL, r int4range NOT NULL, yes boolean NOT NULL, v integer, no integer NOT NULL, s small, PRIMARY KEY (e, bits, addr, span, r, yes, s));

INSERT INTO {t} SELECT (ARRAY['z', 'b', 'a']::size[])[1 + n % 3], n::bit(12), '10.0.0.0'::inet + n, n * interval '1 minute' - interval '1 month', int4range(n, n + 5), n % 2 = 0, n, n, n FROM {numbers 2000};
