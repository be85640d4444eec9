import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Plan, plansCalled } from './plans.ts'

function plan(id: string, code: string, name: string): Plan {
  const long = new Date(0)
  return {
    id,
    code,
    name,
    description: null,
    slots: 1,
    services: [],
    archived_at: null,
    created_at: long,
    updated_at: long,
  }
}

test('a plan is found by its id, its code or its name; a code goes before the name of another', () => {
  const plans = [
    plan('1', 'starter', 'Start here'),
    plan('2', 'pro', 'Starter'),
    plan('3', 'large', 'Same'),
    plan('4', 'larger', 'same '),
  ]
  const called = (text: string): string[] => plansCalled(plans, text).map(({ id }) => id)
  assert.deepEqual(called('2'), ['2'])
  assert.deepEqual(called(' STARTER'), ['1'])
  assert.deepEqual(called('start HERE'), ['1'])
  assert.deepEqual(called('Same'), ['3', '4'], 'whoever asks must say which')
  assert.deepEqual(called('start'), [])
  assert.deepEqual(called(''), [])
})
