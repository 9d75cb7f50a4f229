SET sql_mode = 'NO_ENGINE_SUBSTITUTION';

SET time_zone = '-03:30';
