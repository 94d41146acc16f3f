-- Moves waiting routed robots away from modules that cannot work. Every minute.
select capataz_ops._define_job('move_waiting_robots', '* * * * *', 60, 'Moves waiting routed robots away from modules that cannot work.');
