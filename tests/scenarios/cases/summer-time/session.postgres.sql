SET TimeZone = 'Europe/Berlin';
