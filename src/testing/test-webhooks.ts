/** For tests of webhooks: an endpoint that remembers what it was sent, and a node that sends. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { Platform } from '../platform/platform.ts'
import { startWebhooks } from '../webhooks/start.ts'
import { createPulse } from './test-pulse.ts'

export type Received = { path: string; headers: IncomingHttpHeaders; body: string; atMs: number }

/** hang: no answer. */
export type EndpointReply =
  | { status: number; headers?: Record<string, string>; body?: string }
  | 'hang'
  | 'lost'

export type TestEndpoint = AsyncDisposable & {
  url: string
  port: number
  received: Received[]
  /** Resolves when so many requests have come. */
  count(wanted: number): Promise<void>
  /** Resolves when what has come fulfils something. */
  until(isEnough: (received: readonly Received[]) => boolean): Promise<void>
}

/** Answers 204 unless told otherwise. */
export async function startEndpoint(
  reply: (request: Received, index: number) => EndpointReply = () => ({ status: 204 }),
): Promise<TestEndpoint> {
  const received: Received[] = []
  const pulse = createPulse()
  const sockets = new Set<Socket>()
  const server = createServer(async (incoming, outgoing) => {
    const pieces: Buffer[] = []
    for await (const piece of incoming) pieces.push(piece)
    const request = {
      path: incoming.url ?? '',
      headers: incoming.headers,
      body: Buffer.concat(pieces).toString(),
      atMs: performance.now(),
    }
    const answer = reply(request, received.push(request) - 1)
    pulse.beat()
    if (answer === 'hang') return
    if (answer === 'lost') return void incoming.socket.destroy()
    outgoing.writeHead(answer.status, answer.headers).end(answer.body)
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the endpoint has no port')
  const until = (isEnough: (all: readonly Received[]) => boolean) => pulse.until(() => isEnough(received))
  return {
    url: `http://127.0.0.1:${address.port}/hook`,
    port: address.port,
    received,
    until,
    count: (wanted) => until(({ length }) => length >= wanted),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Webhooks of a node, for as long as the stack lives. */
export async function runWebhooks(stack: AsyncDisposableStack, platform: Platform): Promise<void> {
  const webhooks = await startWebhooks(platform)
  stack.defer(() => webhooks.stop())
}
