ALTER TABLE {t} ALTER v TYPE bigint, OWNER TO osc_owner;
