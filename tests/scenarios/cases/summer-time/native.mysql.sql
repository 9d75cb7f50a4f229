-- in a zone with summer time the native ALTER itself moves instants of the hour that comes twice
SET time_zone = '+00:00';
