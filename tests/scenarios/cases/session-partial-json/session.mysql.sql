SET binlog_row_value_options = 'PARTIAL_JSON';

SET binlog_row_image = 'MINIMAL';
