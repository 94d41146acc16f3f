-- progress_percentage: from steps it never falls; a given percentage is taken as it is, also downwards (design 4).
begin;
select plan(11);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('G') as m \gset
select capataz_test.running('G') as e \gset
select capataz.report_progress(:'e', p_completed_steps => 1, p_total_steps => 3);
select is((capataz_test.execution(:'e')).progress_percentage, 33::smallint, '1 of 3 steps');
select capataz.report_progress(:'e', p_total_steps => 10);
select is((capataz_test.execution(:'e')).progress_percentage, 33::smallint, '1 of 10 steps: it does not fall');
select capataz.report_progress(:'e', p_completed_steps => 9);
select is((capataz_test.execution(:'e')).progress_percentage, 90::smallint, '9 of 10 steps');
select capataz.report_progress(:'e', 12.9);
select is((capataz_test.execution(:'e')).progress_percentage, 12::smallint, 'a given percentage is taken, also downwards');
select capataz.report_progress(:'e', 20, p_completed_steps => 10);
select is((capataz_test.execution(:'e')).progress_percentage, 20::smallint, 'a given percentage goes before the steps');
select capataz.report_progress(:'e', 20, p_completed_steps => 10, p_total_steps => 11);
select is((capataz_test.execution(:'e')).progress_percentage, 20::smallint, 'also where it is the one that was there');
select capataz.report_progress(:'e', p_completed_steps => 15);
select is((capataz_test.execution(:'e')).total_steps, 15, 'more steps done than planned raise the plan');
select is((capataz_test.execution(:'e')).progress_percentage, 100::smallint, 'all done is 100');
update capataz.robot_execute set completed_steps = 3, progress_percentage = 5 where execute_id = :'e';
select is((capataz_test.execution(:'e')).progress_percentage, 5::smallint, 'plain SQL gives a percentage too');
update capataz.robot_execute set completed_steps = 12 where execute_id = :'e';
select is((capataz_test.execution(:'e')).progress_percentage, 80::smallint, 'and has it derived from steps');
select capataz.complete_execution(:'e');
select is((capataz_test.execution(:'e')).progress_percentage, 100::smallint, 'COMPLETED is 100');

select * from finish();
rollback;
