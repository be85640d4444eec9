/** An HTTP server of the test's own that speaks JSON: what the stand-ins for vendors are made of. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'

export type JsonRequest = {
  method: string
  path: string
  query: URLSearchParams
  headers: IncomingHttpHeaders
  /** undefined without a body. */
  body: unknown
}

/** lost: the connection is broken off without an answer. */
export type JsonReply = { status: number; body?: unknown; headers?: Record<string, string> } | 'lost'

export type JsonServer = AsyncDisposable & { url: string; requests: JsonRequest[] }

/** A handler that throws answers 599 with what it threw, so that a test sees what the contract was broken by. */
export async function startJsonServer(
  handler: (request: JsonRequest) => JsonReply | Promise<JsonReply>,
): Promise<JsonServer> {
  const requests: JsonRequest[] = []
  const sockets = new Set<Socket>()
  const server = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk)
    const url = new URL(incoming.url ?? '/', 'http://stand-in')
    const text = Buffer.concat(chunks).toString('utf8')
    try {
      const request = {
        method: incoming.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        headers: incoming.headers,
        body: text === '' ? undefined : JSON.parse(text),
      }
      requests.push(request)
      const reply = await handler(request)
      if (reply === 'lost') return void incoming.socket.destroy()
      outgoing.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers })
      outgoing.end(typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body ?? {}))
    } catch (error) {
      outgoing.writeHead(599, { 'content-type': 'application/json' })
      outgoing.end(JSON.stringify({ message: String(error) }))
    }
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the stand-in has no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
