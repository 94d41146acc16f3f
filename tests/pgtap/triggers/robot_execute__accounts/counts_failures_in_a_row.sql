-- consecutive_failures counts FAILED executions in a row; a COMPLETED one resets it; at the threshold the module is UNHEALTHY.
begin;
select plan(11);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('N') as m \gset
select capataz_test.fail_some('N', 4);
select is((capataz_test.module_row('N')).consecutive_failures, 4, 'four in a row, counted at once');
select is((capataz_test.module_row('N')).health_status::text, 'UNKNOWN', 'below the threshold of 5');
select is((capataz_test.module_row('N')).last_error_message, 'it broke', 'the last message is kept');
select capataz_test.complete_some('N');
select is((capataz_test.module_row('N')).consecutive_failures, 0, 'a success resets it at once');
select capataz_test.fail_some('N', 5);
select is((capataz_test.module_row('N')).consecutive_failures, 5, 'five in a row');
select is((capataz_test.module_row('N')).health_status::text, 'UNHEALTHY', 'make it UNHEALTHY');
select capataz_test.running('N') as e \gset
select capataz.fail_execution(:'e', 'still broken', p_retryable => true);
select is((capataz_test.module_row('N')).consecutive_failures, 6, 'a failure that is retried counts too');
select capataz.cancel_robot((capataz_test.robot_of(:'e')).robot_id);
select is((capataz_test.module_row('N')).consecutive_failures, 6, 'a cancellation resets nothing');
select capataz_test.running('N') as e \gset
select capataz.release_robots(array[:'e']);
select is((capataz_test.module_row('N')).consecutive_failures, 6, 'a release resets nothing');
select execute_id as e from capataz.claim_robots('N') \gset
select capataz.complete_execution(:'e');
select is((capataz_test.module_row('N')).consecutive_failures, 0, 'a success resets');
select is((capataz_test.module_row('N')).health_status::text, 'HEALTHY', 'and heals');

select * from finish();
rollback;
