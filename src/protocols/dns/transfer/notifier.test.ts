import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { createSecondary } from '../../../domains/secondaries/secondaries.ts'
import { transaction } from '../../../platform/database.ts'
import { dnsTypes, parseMessage } from '../../../platform/dns-wire/message.ts'
import { startTestPlatform } from '../../../testing/test-platform.ts'
import type { TransferZone } from './axfr.ts'
import { startNotifier } from './notifier.ts'

test('a zone that cannot be read is one attempt that failed, and the others are told', async (context) => {
  await using t = await startTestPlatform()
  const socket = createSocket('udp4')
  context.after(() => socket.close())
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  await transaction(t.platform.db, (tx) =>
    createSecondary(t.platform, tx, t.scope.organizationId, {
      name: 'test',
      address: '127.0.0.1',
      port: socket.address().port,
      tsigKeyId: null,
      byAddress: true,
      notify: true,
    }),
  )
  const zoneOf = (name: string): TransferZone => ({
    name,
    serial: 1,
    soa: { owner: name, type: dnsTypes.SOA, ttl: 0, rdata: [Buffer.alloc(22)], wildcard: null },
    sets: () => [],
  })
  const asked: string[] = []
  const notifier = startNotifier(t.platform, {
    isPrivate: () => false,
    zone(name) {
      asked.push(name)
      return name === 'away.example' ? Promise.reject(new Error('the database is away')) : zoneOf(name)
    },
  })
  context.after(() => notifier.stop())
  const told = once(socket, 'message')
  notifier.changed('away.example')
  notifier.changed('here.example')
  const [message] = await told
  assert.equal(parseMessage(message)?.questions[0]?.name, 'here.example')
  assert.deepEqual(asked, ['away.example', 'here.example'])
})
