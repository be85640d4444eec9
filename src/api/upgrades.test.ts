/** Requests for another protocol that are refused: whoever sent one does not keep its connection. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { startTestApi } from '../testing/test-api.ts'
import { webSocketPath } from './upgrades.ts'

test('a refused client that does not close its side is not waited for', async () => {
  await using api = await startTestApi()
  const gauge = api.platform.metrics.connections
  const open = async (): Promise<number> =>
    (await gauge.get()).values.find(({ labels }) => labels.protocol === 'http')?.value ?? 0
  const socket = connect({ port: Number(api.server.port), host: '127.0.0.1', allowHalfOpen: true })
  try {
    socket.write(
      `GET ${webSocketPath} HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    )
    const [answer] = await once(socket, 'data')
    assert.match(String(answer), /^HTTP\/1\.1 401 /)
    socket.resume()
    const deadline = performance.now() + 5_000
    while ((await open()) > 0) {
      assert.ok(performance.now() < deadline, 'the connection is kept')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  } finally {
    socket.destroy()
  }
})
