/** An HTTP sender for load: raw sockets that are kept open, one GET each at a time. */
import { connect } from 'node:net'

export type HttpLoad = {
  url: URL
  token: string
  connections: number
  requests: number
  /** The path of the n-th request. */
  path: (n: number) => string
}

/** @returns requests per second, and the latencies in ms, ascending. @throws at the first answer that is not 200. */
export async function getLoad(load: HttpLoad): Promise<{ perSecond: number; latenciesMs: number[] }> {
  let next = 0
  const latenciesMs: number[] = []
  const startedAt = performance.now()
  await Promise.all(
    Array.from({ length: load.connections }, () =>
      runConnection(load, () => (next < load.requests ? next++ : null), latenciesMs),
    ),
  )
  const perSecond = (load.requests / (performance.now() - startedAt)) * 1000
  return { perSecond, latenciesMs: latenciesMs.sort((a, b) => a - b) }
}

function runConnection(load: HttpLoad, take: () => number | null, latenciesMs: number[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(load.url.port), load.url.hostname)
    let sentAt = 0
    let received = ''
    const send = (): void => {
      const n = take()
      if (n === null) {
        socket.end()
        return
      }
      sentAt = performance.now()
      socket.write(
        `GET ${load.path(n)} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ${load.token}\r\n\r\n`,
      )
    }
    socket.setEncoding('latin1')
    socket.on('connect', send)
    socket.on('data', (chunk: string) => {
      received += chunk
      const headerEnd = received.indexOf('\r\n\r\n')
      if (headerEnd === -1) return
      const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0)
      if (received.length < headerEnd + 4 + length) return
      if (!received.startsWith('HTTP/1.1 200')) {
        socket.destroy()
        reject(new Error(received.slice(0, 300)))
        return
      }
      received = received.slice(headerEnd + 4 + length)
      latenciesMs.push(performance.now() - sentAt)
      send()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve())
  })
}
