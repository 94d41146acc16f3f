-- One bad element refuses all, with RB400 that names its index and field; no row is changed.
begin;
select plan(9);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('L') as m \gset
create temporary table bad (place integer, field text, robots text) on commit drop;
insert into bad
values
  (1, 'robot_type', '[{"robot_type": "T"}, {"robot_type": ""}]'), (1, '', '[{"robot_type": "T"}, 5]'), (1, '', '[{"robot_type": "T"}, null]'),
  (1, 'robot_type', '[{"robot_type": "T"}, {}]'), (1, 'colour', '[{"robot_type": "T"}, {"robot_type": "T", "colour": "red"}]'),
  (0, 'available_at', '[{"robot_type": "T", "available_at": "tomorrow noon"}]'), (0, 'available_at', '[{"robot_type": "T", "available_at": "infinity"}]'),
  (0, 'retry_limit', '[{"robot_type": "T", "retry_limit": "many"}]'), (0, 'retry_limit', '[{"robot_type": "T", "retry_limit": 1e30}]'),
  (0, 'retry_limit', '[{"robot_type": "T", "retry_limit": -1}]'), (0, 'complexity_score', '[{"robot_type": "T", "complexity_score": [1]}]'),
  (0, 'compliance_tags', '[{"robot_type": "T", "compliance_tags": "GDPR"}]'), (0, 'compliance_tags', '[{"robot_type": "T", "compliance_tags": [null]}]'),
  (0, 'metadata', '[{"robot_type": "T", "metadata": [1]}]'), (0, 'priority', '[{"robot_type": "T", "priority": "urgent"}]'),
  (2, 'cache_key', '[{"robot_type": "T"}, {"robot_type": "T"}, {"robot_type": "T", "cache_key": ""}]'),
  (1, 'robot_type', '[{"robot_type": "T"}, {"robot_type": "OTHER", "module_name": "L"}]'),
  (0, 'estimated_duration_minutes', '[{"robot_type": "T", "estimated_duration_minutes": 1.5}]');
create temporary table seen on commit drop as
select b.*, capataz_test.outcome(format('select * from capataz.submit_robots(%L)', b.robots)) as code,
  capataz_test.error_part(format('select * from capataz.submit_robots(%L)', b.robots), 'message') as message,
  capataz_test.error_part(format('select * from capataz.submit_robots(%L)', b.robots), 'detail') as detail
from bad as b;
select is_empty($$select robots, code, message from seen where code <> 'RB400'$$, 'each is RB400');
select is_empty(
  $$select robots, message from seen where strpos(message, format('robots[%s]', place)) = 0$$, 'each names the index'
);
select is_empty($$select robots, message, detail from seen where strpos(message || detail, field) = 0$$, 'each names the field');
select throws_ok('select * from capataz.submit_robots(null)', 'RB400', 'robots must be a JSON array', 'null');
select throws_ok(
  $$select * from capataz.submit_robots('{"robot_type": "T"}')$$, 'RB400', 'robots must be a JSON array', 'no array'
);
select throws_ok(
  $$select * from capataz.submit_robots((select jsonb_agg(1) from generate_series(1, 100001)))$$, 'RB400', 'robots has too many elements', 'too many'
);
select throws_ok(
  $$select * from capataz.submit_robots('[{"robot_type": "T"}, {"robot_type": "T", "module_name": "nobody"}]')$$, 'RB404', null, 'an unknown module'
);
select throws_ok(
  $$select * from capataz.submit_robots('[{"robot_type": "T"}, {"robot_type": "NONE"}]')$$, 'RB503', null, 'a type nobody supports'
);
select is((select count(*)::integer from capataz.robots where module_name = 'L'), 0, 'nothing was stored');

select * from finish();
rollback;
