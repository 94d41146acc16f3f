-- Lists of digits of any length, and numbers with great exponents, neither break a call nor cost more than they weigh.
begin;
select plan(15);
select capataz_test.module('OddA') as a \gset
select lives_ok(
  format('select * from capataz.submit_robot(''T'', jsonb_build_object(''t'', repeat(%L, 2000) || ''1''), ''OddA'')', t.digits),
  'a list of ' || t.digits || 'is taken'
)
from (values ('1234 '), ('123456789 '), ('4111 1111 1111 1111 '), ('1 '), ('4111-')) as t (digits)
order by t.digits;
select unalike(
  capataz_ops._mask_text(repeat('4111111111111111 ', 300) || 'x'), '%4111%', 'no card is shown at the end of a long list'
);
select is(capataz_ops._is_payment_card(''), false, 'nothing is no card');
select is(capataz_ops._mask_text('1.5 4111111111111111 2.5'), '1.5 *** 2.5', 'a decimal beside a card does not hide it');
select is(capataz_ops._mask_text('0.4111111111111111'), '0.4111111111111111', 'a decimal is no card');
select is(capataz_ops._mask_text('4111111111111111.25'), '4111111111111111.25', 'nor is this one');
select throws_ok(
  format('select * from capataz.submit_robot(''T'', %L, ''OddA'')', t.given), 'RB400', 'input_data has a number out of range',
  left(t.given, 20) || ' is refused'
)
from (values ('[1e131071]'), ('{"n": -1e101}'), ('[[0.' || repeat('0', 120) || '1]]')) as t (given)
order by t.given;
select lives_ok($$select * from capataz.submit_robot('T', '[1e100, -1e100, 1e-100, 0]', 'OddA')$$, 'up to 1e100 is taken');
select throws_ok(
  $$select capataz.complete_execution((select execute_id from capataz.claim_robots('OddA') limit 1), '[1e1000]')$$, 'RB400', null,
  'results too'
);

select * from finish();
rollback;
