import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dnsTypes } from '../../platform/dns-wire/message.ts'
import { createZoneIndex, type IndexedZone } from './zone-index.ts'

function zone(name: string, workspaceId = 'a', isProven = true, id = `${workspaceId} ${name}`): IndexedZone {
  return { id, name, workspaceId, isProven }
}

const rows: [zones: IndexedZone[], name: string, type: number, wanted: string | null][] = [
  [[zone('x.example')], 'x.example', dnsTypes.A, 'a x.example'],
  [[zone('x.example')], 'b.a.x.example', dnsTypes.A, 'a x.example'],
  [[zone('x.example')], 'yx.example', dnsTypes.A, null],
  [[zone('x.example')], 'example', dnsTypes.A, null],
  [[zone('x.example')], '', dnsTypes.A, null],
  [[zone('x.example'), zone('s.x.example')], 'a.s.x.example', dnsTypes.A, 'a s.x.example'],
  // DS is the parent's, when we have it.
  [[zone('x.example'), zone('s.x.example')], 's.x.example', dnsTypes.DS, 'a x.example'],
  [[zone('s.x.example')], 's.x.example', dnsTypes.DS, 'a s.x.example'],
  // Who has connected a name within another workspace's domain does not get it by that.
  [[zone('x.example'), zone('s.x.example', 'b', false)], 'a.s.x.example', dnsTypes.A, 'a x.example'],
  [[zone('x.example'), zone('s.x.example', 'b', true)], 'a.s.x.example', dnsTypes.A, 'b s.x.example'],
  [[zone('x.example'), zone('s.x.example', 'a', false)], 'a.s.x.example', dnsTypes.A, 'a s.x.example'],
  // Nor who has connected a name above.
  [[zone('x.example', 'b', false), zone('s.x.example')], 'a.s.x.example', dnsTypes.A, 'a s.x.example'],
  [
    [zone('x.example', 'b', false), zone('s.x.example', 'a', false)],
    's.x.example',
    dnsTypes.A,
    'a s.x.example',
  ],
]
for (const [zones, name, type, wanted] of rows) {
  const given = zones.map((one) => `${one.workspaceId}${one.isProven ? '' : '?'}:${one.name}`).join(' ')
  test(`${type} ${name} among ${given}`, () => {
    const index = createZoneIndex()
    for (const one of zones) index.put(one)
    assert.equal(index.nearest(name, type)?.id ?? null, wanted)
  })
}

test('the topology rises only when a name may belong to another zone', () => {
  const index = createZoneIndex()
  const rises = (change: () => void): boolean => {
    const before = index.topology
    change()
    return index.topology > before
  }
  assert.equal(
    rises(() => index.put(zone('x.example'))),
    false,
  )
  assert.equal(
    rises(() => index.put(zone('y.example'))),
    false,
  )
  assert.equal(
    rises(() => index.put(zone('x.example'))),
    false,
    'read again',
  )
  assert.equal(
    rises(() => index.put(zone('s.x.example'))),
    true,
    'below one',
  )
  assert.equal(
    rises(() => index.put(zone('example'))),
    true,
    'above some',
  )
  assert.equal(
    rises(() => index.put(zone('y.example', 'a', false))),
    true,
    'not proven any longer',
  )
  assert.equal(
    rises(() => index.remove('a s.x.example')),
    true,
  )
  assert.equal(
    rises(() => index.remove('a example')),
    true,
  )
  assert.equal(
    rises(() => index.remove('a x.example')),
    false,
  )
  assert.equal(index.size, 1)
})

test('a name that is connected anew is not lost with its former row', () => {
  const index = createZoneIndex()
  index.put(zone('x.example', 'a', true, 'old'))
  index.put(zone('x.example', 'b', true, 'new'))
  index.remove('old')
  assert.equal(index.nearest('x.example', dnsTypes.A)?.id, 'new')
})
