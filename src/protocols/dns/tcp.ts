/** DNS over TCP (RFC 7766): messages behind their length, any number of them, answered in their order. */
import type { Socket } from 'node:net'
import type { Platform } from '../../platform/platform.ts'
import type { Connection } from '../tcp-listener.ts'
import { dnsLimits } from './limits.ts'
import type { Responder } from './responder.ts'

export function startTcpConnection(platform: Platform, socket: Socket, respond: Responder): Connection {
  const address = socket.remoteAddress ?? ''
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  let state: 'waiting' | 'answering' | 'ending' = 'waiting'
  socket.setNoDelay(true)
  // Also when a client takes nothing of what it is sent.
  socket.setTimeout(dnsLimits.tcpIdleMsMax, () => socket.destroy())
  socket.on('error', (cause) => platform.log.debug({ event: 'dns.tcp_error', cause }))

  const converse = async (): Promise<void> => {
    for await (const message of messagesOf(socket)) {
      if (state === 'ending') break
      state = 'answering'
      const reply = respond(message, 'tcp', address)
      for await (const one of reply === null ? [] : Buffer.isBuffer(reply) ? [reply] : await reply) {
        await send(socket, one)
      }
      if (isEnding()) break
      state = 'waiting'
    }
    socket.end()
  }
  const isEnding = (): boolean => state === 'ending'
  converse().catch((cause: unknown) => {
    platform.log.debug({ event: 'dns.connection_ended', cause })
    socket.destroy()
  })
  return {
    end() {
      const isIdle = state === 'waiting'
      state = 'ending'
      if (isIdle) socket.destroy() // RFC 7766 §6.2.4: a client without an answer asks again
    },
    destroy: () => void socket.destroy(),
    closed,
  }
}

async function send(socket: Socket, message: Buffer): Promise<void> {
  const framed = Buffer.allocUnsafe(2 + message.length)
  framed.writeUInt16BE(message.length)
  message.copy(framed, 2)
  if (!socket.writable) throw new Error('the client is gone')
  if (!socket.write(framed)) await drained(socket)
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      socket.off('drain', settle)
      socket.off('close', settle)
      resolve() // the next write finds out which of them it was
    }
    socket.on('drain', settle)
    socket.on('close', settle)
  })
}

/** Reads only as fast as is asked; a message that is not whole in time ends the connection. */
async function* messagesOf(socket: Socket): AsyncGenerator<Buffer, void> {
  let held: Buffer = Buffer.alloc(0)
  let deadline: NodeJS.Timeout | null = null
  try {
    for await (const chunk of socket) {
      if (!Buffer.isBuffer(chunk)) return
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      for (let inTurn = 0; held.length >= 2; inTurn++) {
        const length = held.readUInt16BE(0)
        if (held.length < 2 + length) break
        if (deadline !== null) clearTimeout(deadline)
        deadline = null
        const message = held.subarray(2, 2 + length)
        held = held.subarray(2 + length)
        yield message
        if (inTurn % dnsLimits.tcpMessagesInATurnMax === dnsLimits.tcpMessagesInATurnMax - 1) {
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
      if (held.length > 0) deadline ??= setTimeout(() => socket.destroy(), dnsLimits.tcpQueryMsMax)
    }
  } finally {
    if (deadline !== null) clearTimeout(deadline)
  }
}
