/** A body that is late breaks its connection, whatever was answered, but for a whole file that may be sent. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientRequest, IncomingMessage, request } from 'node:http'
import { after, before, test } from 'node:test'
import fastify, { type FastifyInstance } from 'fastify'
import { allowLongBody, breakWhenLate, limitRequestTime } from './request-time.ts'

const msMax = 50

let app: FastifyInstance
before(async () => {
  app = fastify({
    frameworkErrors: (_error, { raw }, { raw: response }) => {
      breakWhenLate(raw, msMax)
      response.writeHead(400).end('bad')
    },
  })
  limitRequestTime(app, msMax)
  app.addContentTypeParser('application/octet-stream', (_request, body, done) => done(null, body))
  app.post('/text', async () => 'done')
  app.post('/file', async ({ raw, headers }, reply) => {
    if (headers.authorization === undefined) return await reply.code(401).send('who?')
    allowLongBody(raw)
    let bytes = 0
    for await (const piece of raw) bytes += piece.length
    return String(bytes)
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
})
after(async () => {
  app.server.closeAllConnections()
  await app.close()
})

/** Sends half of a body. */
function begin(path: string, type: string, headers: Record<string, string> = {}): ClientRequest {
  const address = app.server.address()
  assert.ok(address !== null && typeof address === 'object')
  const begun = request({
    host: '127.0.0.1',
    port: address.port,
    method: 'POST',
    path,
    headers: { 'content-type': type, 'content-length': 4, ...headers },
  })
  begun.on('error', () => undefined)
  begun.write('ab')
  return begun
}

function closeOf(begun: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    begun.once('socket', (socket) => socket.once('close', resolve))
  })
}

const late: [what: string, path: string, type: string, status: number | null][] = [
  ['a text', '/text', 'text/plain', null],
  ['what no route takes', '/none', 'text/plain', null],
  ['what no URL is', '/%zz', 'text/plain', 400],
  ['a file of nobody, though it was answered', '/file', 'application/octet-stream', 401],
]

for (const [what, path, type, status] of late) {
  test(`late: ${what}`, async () => {
    const begun = begin(path, type)
    const answered = status === null ? null : once(begun, 'response')
    const closed = closeOf(begun)
    if (answered !== null) {
      const [reply] = await answered
      assert.ok(reply instanceof IncomingMessage)
      assert.equal(reply.statusCode, status)
      reply.resume()
    }
    await closed
  })
}

test('a file that may be sent is waited for', async () => {
  const file = begin('/file', 'application/octet-stream', { authorization: 'Bearer x' })
  await closeOf(begin('/text', 'text/plain')) // begun later, and broken while the file waits
  file.end('cd')
  const [reply] = await once(file, 'response')
  assert.ok(reply instanceof IncomingMessage)
  assert.equal(reply.statusCode, 200)
  reply.resume()
})
