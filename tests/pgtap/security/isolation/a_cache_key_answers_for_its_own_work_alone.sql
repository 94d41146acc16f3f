-- A robot that holds a cache key answers for the same robot type alone and, where a module is named, for that module alone
-- (design 6): a key of one module neither swallows nor answers the work of another. A routed submit of the same type is
-- answered by the robot of any module. Untied callers are bound by this as tied ones are.
begin;
select plan(21);
select capataz_test.module('CrossA', p_types => array['TA', 'T']) as a \gset
select capataz_test.module('CrossB', p_types => array['TB', 'T']) as b \gset
create role cross_test_producer in role capataz_producer;
create role cross_test_tied in role capataz_producer;
select capataz.grant_module('CrossA', 'cross_test_tied');
select capataz.grant_module('CrossB', 'cross_test_tied');
select robot_id as waiting from capataz.submit_robot('TA', '{}', 'CrossA', p_cache_key => 'waiting') \gset
select robot_id as shared from capataz.submit_robot('T', '{}', 'CrossA', p_cache_key => 'shared') \gset
select count(*) from capataz.submit_robot('TA', '{}', 'CrossA', 'CRITICAL', p_cache_key => 'done', p_robot_id => 'cross-poison');
select capataz.complete_execution(c.execute_id, '{"total": "evil"}') from capataz.claim_robots('CrossA') as c;
select is((capataz.get_robot('cross-poison')).status::text, 'COMPLETED', 'module A has an answer under a key');

set local role cross_test_producer;
select throws_ok(
  $$select * from capataz.submit_robot('TB', '{"x": 1}', 'CrossB', p_cache_key => 'waiting')$$, 'RB409',
  'the cache_key is held by a robot of another type or module', 'a robot of another type and module that waits takes no work in'
);
select throws_ok(
  $$select * from capataz.submit_robot('TB', '{"x": 1}', p_cache_key => 'waiting')$$, 'RB409',
  'the cache_key is held by a robot of another type or module', 'routed neither'
);
select throws_ok(
  $$select * from capataz.submit_robots('[{"robot_type": "TB", "cache_key": "waiting"}]')$$, 'RB409',
  'the cache_key is held by a robot of another type or module', 'in bulk neither'
);
select throws_ok(
  $$select * from capataz.submit_robot('T', '{"x": 1}', 'CrossA', p_cache_key => 'waiting')$$, 'RB409',
  'the cache_key is held by a robot of another type or module', 'nor another type of the same module'
);
select throws_ok(
  $$select * from capataz.submit_robot('T', '{"x": 1}', 'CrossB', p_cache_key => 'shared')$$, 'RB409',
  'the cache_key is held by a robot of another type or module', 'whoever names a module is not handed to another'
);
select throws_ok(
  $$select * from capataz.submit_robots('[{"robot_type": "T", "cache_key": "shared", "module_name": "CrossB"}]')$$, 'RB409',
  'the cache_key is held by a robot of another type or module', 'in bulk neither'
);
select throws_ok(
  $$select * from capataz.submit_robots(
    '[{"robot_type": "TA", "cache_key": "same", "robot_id": "cross-1"}, {"robot_type": "TB", "cache_key": "same"}]')$$, 'RB409',
  'the cache_key is held by a robot of another type or module', 'two elements of two types have two keys'
);
select throws_ok($$select capataz.get_robot('cross-1')$$, 'RB404', null, 'a bulk submit stays all or nothing');
select results_eq(
  $$select module_name::text, status::text, cache_hit, deduplicated
    from capataz.submit_robot('TB', '{"x": 1}', p_cache_key => 'done', p_robot_id => 'cross-victim')$$,
  $$values ('CrossB', 'PENDING', false, false)$$, 'another type is not answered from the cache'
);
select is((capataz.get_robot('cross-victim')).output_data, null::jsonb, 'and gets no foreign output');
select is((capataz.get_robot('cross-victim')).module_name::text, 'CrossB', 'its input stays in its module');
select results_eq(
  $$select robot_id::text, module_name::text, deduplicated from capataz.submit_robot('T', p_cache_key => 'shared')$$,
  format($$values (%L, 'CrossA', true)$$, :'shared'), 'a routed submit of the same type is deduplicated, whatever the module'
);
select results_eq(
  $$select robot_id::text, deduplicated from capataz.submit_robot('TA', '{}', 'CrossA', p_cache_key => 'waiting')$$,
  format($$values (%L, true)$$, :'waiting'), 'so is a submit that names the same module'
);

-- tied to both: as strict where a module is named, and as free where none is
set local role cross_test_tied;
select throws_ok(
  $$select * from capataz.submit_robot('T', '{}', 'CrossB', p_cache_key => 'shared')$$, 'RB409',
  'the cache_key is held by a robot of another type or module', 'a tied caller who names a module is not handed to another'
);
select throws_ok(
  $$select * from capataz.submit_robots('[{"robot_type": "T", "module_name": "CrossB", "cache_key": "shared"}]')$$, 'RB409',
  'the cache_key is held by a robot of another type or module', 'in bulk neither'
);
select is(
  (select bool_and(s.deduplicated and s.robot_id = :'shared') from generate_series(1, 20)
   cross join lateral capataz.submit_robot('T', p_cache_key => 'shared') as s),
  true, 'one who names none is deduplicated, whichever of his modules is chosen'
);
select is(
  (select bool_and(s.deduplicated and s.robot_id = :'shared') from capataz.submit_robots(
    (select jsonb_agg('{"robot_type": "T", "cache_key": "shared"}'::jsonb) from generate_series(1, 20))) as s),
  true, 'in bulk too'
);
select is(
  (select count(*)::integer from capataz.submit_robots('[{"robot_type": "T"}, {"robot_type": "T", "cache_key": "tied"}]')), 2,
  'bulk submits of his go on'
);
reset role;
select is(
  (select bool_or(r.is_routed) from capataz.robots as r where r.robot_type = 'T'), false,
  'and are pinned, as all that tied callers submit'
);

select is(
  (select array_agg(r.cache_key::text order by r.cache_key) from capataz.robots as r where r.robot_id = 'cross-victim'),
  array['done'], 'the key of the answer has moved to the new work'
);

select * from finish();
rollback;
