/** Clients of the event log: a reader of server-sent events, a WebSocket, and one that waits by requests. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { WebSocket } from 'ws'

export type SeenEvent = {
  id: string
  type: string
  cursor: string
  workspace_id: string | null
  mailbox_id: string | null
  data: unknown
}

export type EventClient = {
  /** What has come, in its order. */
  seen: SeenEvent[]
  /** The last cursor that was given, with an event or without. */
  cursor(): string | null
  /** Resolves when so many have come. */
  until(count: number): Promise<void>
  /** When the server has ended it, or this client. */
  closed: Promise<void>
  close(): void
}

export type EventClientOptions = {
  key: string
  headers?: Record<string, string>
  cursor?: string | null
  onEvent?: (event: SeenEvent) => void
}

/** @param path with its query. @throws when it is not answered with a stream. */
export async function followStream(
  base: string,
  path: string,
  { key, headers = {}, cursor = null, onEvent }: EventClientOptions,
): Promise<EventClient> {
  const asked = request(base + path, {
    agent: false,
    headers: {
      authorization: `Bearer ${key}`,
      ...(cursor === null ? {} : { 'last-event-id': cursor }),
      ...headers,
    },
  })
  asked.on('error', () => undefined)
  asked.end()
  const [response] = await once(asked, 'response')
  response.setEncoding('utf8')
  if (response.statusCode !== 200) {
    let text = ''
    for await (const chunk of response) text += chunk
    throw new Error(`${response.statusCode} ${text}`)
  }
  const collected = collect(cursor, onEvent)
  const begun = Promise.withResolvers<void>()
  const parse = createStreamParser({
    ...collected,
    note(at) {
      collected.note(at)
      begun.resolve()
    },
  })
  response.on('data', parse)
  response.on('error', () => undefined)
  const closed = new Promise<void>((resolve) => response.once('close', resolve))
  await Promise.race([begun.promise, closed])
  return { ...collected, closed, close: () => asked.destroy() }
}

/** HTML Living Standard §9.2.6, as far as it is used here. */
function createStreamParser({ take, note }: Collected): (text: string) => void {
  let rest = ''
  let data = ''
  let id: string | null = null
  return (text) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line.startsWith('data: ')) data += line.slice(6)
      else if (line.startsWith('id: ')) id = line.slice(4)
      else if (line === '') {
        if (id !== null) note(id)
        if (data !== '') take(JSON.parse(data) as SeenEvent)
        data = ''
      }
    }
  }
}

/** @throws when the server does not take it. */
export async function followSocket(
  base: string,
  path: string,
  { key, headers = {}, cursor = null, onEvent }: EventClientOptions,
): Promise<EventClient> {
  const url = new URL(path, base.replace(/^http/, 'ws'))
  if (cursor !== null) url.searchParams.set('cursor', cursor)
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${key}`, ...headers } })
  const collected = collect(cursor, onEvent)
  const hello = Promise.withResolvers<void>()
  socket.on('message', (message) => {
    const value = JSON.parse(String(message)) as SeenEvent
    if (value.type === 'hello') hello.resolve()
    if (value.id === undefined) collected.note(value.cursor)
    else collected.take(value)
  })
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.on('error', (error) => hello.reject(error))
  void closed.then(() => hello.reject(new Error('closed')))
  await hello.promise
  return { ...collected, closed, close: () => socket.terminate() }
}

type Collected = Pick<EventClient, 'seen' | 'cursor' | 'until'> & {
  take(event: SeenEvent): void
  note(cursor: string): void
}

function collect(from: string | null, onEvent?: (event: SeenEvent) => void): Collected {
  const seen: SeenEvent[] = []
  let cursor = from
  let waiting: { count: number; resolve: () => void }[] = []
  return {
    seen,
    cursor: () => cursor,
    note(next) {
      cursor = next
    },
    take(event) {
      seen.push(event)
      onEvent?.(event)
      ;({ cursor } = event)
      for (const one of waiting) if (seen.length >= one.count) one.resolve()
      waiting = waiting.filter(({ count }) => seen.length < count)
    },
    async until(count) {
      if (seen.length >= count) return
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      waiting.push({ count, resolve })
      const timer = setTimeout(() => reject(new Error(`${seen.length} of ${count} came`)), 20_000)
      await promise.finally(() => clearTimeout(timer))
      assert.ok(seen.length >= count)
    },
  }
}
