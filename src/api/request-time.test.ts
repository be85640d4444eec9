/** A body that is late breaks its connection, but where a whole file is sent. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientRequest, IncomingMessage, request } from 'node:http'
import { test } from 'node:test'
import fastify from 'fastify'
import { limitRequestTime } from './request-time.ts'

test('a late body', async () => {
  const app = fastify()
  limitRequestTime(app, 50)
  app.post('/text', async () => 'done')
  app.post('/file', { config: { takesLong: true } }, async () => 'done')
  await app.listen({ host: '127.0.0.1', port: 0 })
  try {
    const address = app.server.address()
    assert.ok(address !== null && typeof address === 'object')
    const begin = (path: string): ClientRequest => {
      const headers = { 'content-type': 'text/plain', 'content-length': 4 }
      const begun = request({ host: '127.0.0.1', port: address.port, method: 'POST', path, headers })
      begun.write('ab')
      return begun
    }
    const file = begin('/file')
    const [error] = await once(begin('/text'), 'close').then(
      () => [new Error('it was not broken')],
      (cause: unknown) => [cause],
    )
    assert.equal(Reflect.get(Object(error), 'code'), 'ECONNRESET')
    file.end('cd')
    const [reply] = await once(file, 'response')
    assert.ok(reply instanceof IncomingMessage)
    assert.equal(reply.statusCode, 200)
    reply.resume()
  } finally {
    await app.close()
  }
})
