SET time_zone = '+11:00';
