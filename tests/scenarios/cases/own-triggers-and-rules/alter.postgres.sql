ALTER TABLE {t} ALTER w TYPE bigint, ADD fresh text DEFAULT 'x', ENABLE TRIGGER on_now, DISABLE TRIGGER off_now;
