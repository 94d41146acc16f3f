-- Samples queues, resources and the database. Every minute (specification 5.2).
select capataz_ops._define_job('sample_resources', '* * * * *', 60, 'Takes the sample of queues, resources and the database.', 60);
