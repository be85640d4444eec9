import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '../../platform/ids.ts'
import {
  dkimTarget,
  isNameserverLabel,
  nameserversAreOwn,
  nameserversOf,
  parseDkimLabel,
} from './own-names.ts'

const zone = { dnsZone: 'mw.example', nameservers: [] }

test('each workspace has name servers of its own, unless the platform names some', () => {
  const [ours, theirs] = [nameserversOf(zone, newId()), nameserversOf(zone, newId())]
  assert.equal(ours.length, 2)
  assert.equal(new Set([...ours, ...theirs]).size, 4)
  for (const name of ours) assert.ok(isNameserverLabel(name.replace('.mw.example', '')), name)
  assert.equal(nameserversAreOwn(zone), true)
  const named = { dnsZone: 'mw.example', nameservers: ['NS1.host.example', 'ns2.host.example'] }
  assert.deepEqual(nameserversOf(named, newId()), ['ns1.host.example', 'ns2.host.example'])
  assert.equal(nameserversAreOwn(named), false)
  assert.deepEqual(nameserversOf({ dnsZone: null, nameservers: [] }, newId()), [])
})

test('a DKIM name says which key of which domain it is', () => {
  const domainId = newId()
  const target = dkimTarget(zone, domainId, 'mwr2') ?? ''
  assert.deepEqual(parseDkimLabel(target.replace('.mw.example', '')), { domainId, selector: 'mwr2' })
  assert.equal(dkimTarget({ dnsZone: null }, domainId, 'mwr2'), null)
  for (const other of ['', 'dkim', 'mwr1.dkim', 'mwr1.0123.dkim', 'a.b.ns', `${target}.mw.example`]) {
    assert.equal(parseDkimLabel(other), null, other)
  }
  for (const other of ['a.0123456789ab', 'c.0123456789ab.ns', 'a.0123456789AB.ns', 'x.a.0123456789ab.ns']) {
    assert.equal(isNameserverLabel(other), false, other)
  }
})
