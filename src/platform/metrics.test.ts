import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics } from './metrics.ts'

test('each platform of a process counts for itself', async () => {
  const [one, two] = [createMetrics(), createMetrics()]
  one.logins.inc({ protocol: 'imap', result: 'accepted' })
  const line = 'mailwright_logins_total{protocol="imap",result="accepted"} 1'
  assert.ok((await one.registry.metrics()).includes(line))
  assert.ok(!(await two.registry.metrics()).includes(line))
})

test('names are part_thing_unit under one prefix, and nothing has an id for a label', async () => {
  const metrics = await createMetrics().registry.getMetricsAsJSON()
  for (const { name } of metrics) assert.match(name, /^mailwright_[a-z0-9]+(_[a-z0-9]+)*$/)
  assert.ok(metrics.length > 10)
})
