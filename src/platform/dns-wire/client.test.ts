import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ExchangeFailure, exchangeTcp, exchangeUdp } from './client.ts'

const never = (): null => null

test('a server that there is no way to is a failure, and no more', async () => {
  for (const address of ['255.255.255.255', '2001:db8::1']) {
    await assert.rejects(
      exchangeUdp({ address, port: 53 }, Buffer.from('question'), never, 300),
      ExchangeFailure,
      address,
    )
  }
  const nobody = { address: '127.0.0.1', port: 1 }
  await assert.rejects(exchangeUdp(nobody, Buffer.from('question'), never, 300), ExchangeFailure)
  const take = (): 'done' => 'done'
  await assert.rejects(
    exchangeTcp(nobody, Buffer.from('question'), take, { msMax: 300, bytesMax: 1000 }),
    ExchangeFailure,
  )
})
