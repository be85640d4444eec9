import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestClock } from '../../platform/clock.ts'
import { createLogger } from '../../platform/log.ts'
import { createVault, newMasterKey } from '../../platform/vault.ts'
import { encodeQuery } from '../../testing/dns-client.ts'
import { createCookies } from './cookies.ts'
import { createRateLimit } from './rate-limit.ts'
import { createResponder } from './responder.ts'

test('what cannot be known now is SERVFAIL, for a signed question, too', async () => {
  const respond = createResponder({
    store: {
      topology: 0,
      find: () => Promise.resolve(null),
      content: () => null,
      stop: () => Promise.resolve(),
    },
    cookies: createCookies({ vault: createVault(newMasterKey()), clock: createTestClock() }),
    rateLimit: createRateLimit(),
    handleOther: async ({ answer }) => [await answer(512)],
    isPrivate: () => false,
    count: () => undefined,
    log: createLogger('error'),
  })
  const plain = encodeQuery(1, 'mwr1.dkim.mw.example', 'TXT', {})
  const signed = Buffer.concat([plain, Buffer.from('0000fa00ff000000000000', 'hex')])
  signed.writeUInt16BE(1, 10)
  for (const query of [plain, signed]) {
    const codes: number[] = []
    const replies = await respond(query, 'udp', '127.0.0.1')
    assert.ok(replies !== null && !Buffer.isBuffer(replies))
    for await (const reply of replies) codes.push(reply.readUInt8(3) & 0xf)
    assert.deepEqual(codes, [2])
  }
})
