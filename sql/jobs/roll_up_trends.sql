-- Makes hours out of the minutes of trends. Every hour.
select capataz_ops._define_job('roll_up_trends', '2 * * * *', 3600, 'Makes hours out of the minutes of trends.', 300);
