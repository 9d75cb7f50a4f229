SET binlog_transaction_compression = ON;
