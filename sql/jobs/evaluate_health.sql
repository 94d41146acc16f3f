-- Marks silent modules UNKNOWN and follows success rates. Every 5 minutes (specification 5.2).
select capataz_ops._define_job('evaluate_health', '*/5 * * * *', 300, 'Brings the health of modules up to date with the time.');
