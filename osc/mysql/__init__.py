"""MySQL and MariaDB: the only room that knows PyMySQL and mysql-replication."""
