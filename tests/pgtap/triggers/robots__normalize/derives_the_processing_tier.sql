-- Cut-offs of processing_tier: minutes x complexity below 1 FAST, below 10 STANDARD, below 60 COMPLEX, else BULK.
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('P') as m \gset
create temporary table cases (minutes integer, complexity numeric, given text, tier text) on commit drop;
insert into cases
values
  (null, null, null, 'STANDARD'), (0, 1.0, null, 'FAST'), (1, 0.9, null, 'FAST'), (1, 1.0, null, 'STANDARD'),
  (9, 1.0, null, 'STANDARD'), (9, 1.1, null, 'STANDARD'), (10, 1.0, null, 'COMPLEX'), (5, 2.0, null, 'COMPLEX'),
  (59, 1.0, null, 'COMPLEX'), (60, 1.0, null, 'BULK'), (10, 6.0, null, 'BULK'), (null, 9.9, null, 'COMPLEX'),
  (2147483647, 9.9, null, 'BULK'), (1000, 1.0, 'FAST', 'FAST'), (0, 1.0, 'BULK', 'BULK'), (1, 1.0, 'COMPLEX', 'COMPLEX');
create temporary table made on commit drop as
select c.*,
  (capataz.submit_robot(
    'T', '{}', 'P', p_estimated_duration_minutes => c.minutes, p_complexity_score => c.complexity::double precision,
    p_processing_tier => c.given
  )).robot_id
from cases as c;
select is_empty(
  $$select m.*, r.processing_tier from made as m join capataz.robots as r using (robot_id) where r.processing_tier::text <> m.tier$$,
  'each robot has the tier of its estimate, or the given one');
select is((select count(*)::integer from made), 16, 'all cases were tried');
select capataz_test.robot('P') as r \gset
update capataz.robots set estimated_duration_minutes = 90 where robot_id = :'r';
select is((capataz.get_robot(:'r')).processing_tier::text, 'BULK', 'a new estimate gives a new tier');
update capataz.robots set complexity_score = 0.0 where robot_id = :'r';
select is((capataz.get_robot(:'r')).processing_tier::text, 'FAST', 'so does a new complexity');
update capataz.robots set processing_tier = 'COMPLEX' where robot_id = :'r';
select is((capataz.get_robot(:'r')).processing_tier::text, 'COMPLEX', 'a given tier is kept');

select * from finish();
rollback;
