/** DNS messages sent to a server that is named by its address: one by UDP, or a conversation by TCP (RFC 7766). */
import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'

export type DnsServer = { address: string; port: number }

/** There was no answer, or none that could be believed. */
export class ExchangeFailure extends Error {}

/**
 * Sends a message and waits for the first that `accept` takes; others are passed over, as forged ones must be.
 * @throws ExchangeFailure
 */
export function exchangeUdp<T>(
  { address, port }: DnsServer,
  message: Buffer,
  accept: (reply: Buffer) => T | null,
  msMax: number,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
    let isSettled = false
    const settle = (act: () => void): void => {
      if (isSettled) return
      isSettled = true
      clearTimeout(timer)
      socket.close()
      act()
    }
    const fail = (why: string, cause?: unknown): void =>
      settle(() => reject(new ExchangeFailure(`${address} port ${port}: ${why}`, { cause })))
    const timer = setTimeout(() => fail('no answer in time'), msMax)
    socket.on('error', (error) => fail('it cannot be reached', error))
    socket.on('message', (reply) => {
      const accepted = accept(reply)
      if (accepted !== null) settle(() => resolve(accepted))
    })
    // An event, and not a callback, which would be called for a failure, too.
    socket.once('connect', () => {
      if (isSettled) return // the time is over already, and a closed socket cannot send
      socket.send(message, (error) => {
        if (error) fail('it cannot be reached', error)
      })
    })
    // Connected: what comes from elsewhere is not even seen.
    socket.connect(port, address)
  })
}

export type TcpExchangeOptions = {
  /** Of silence. */
  msMax: number
  /** In all: a server that sends a byte now and then does not hold us. Without it only silence ends the conversation. */
  totalMsMax?: number
  /** Of all messages together. */
  bytesMax: number
}

/**
 * Sends a message and gives each that comes back to `take`, which says when it was the last one.
 * @throws ExchangeFailure, and whatever `take` throws.
 */
export function exchangeTcp(
  { address, port }: DnsServer,
  message: Buffer,
  take: (reply: Buffer) => 'more' | 'done',
  { msMax, totalMsMax, bytesMax }: TcpExchangeOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, address)
    let held: Buffer = Buffer.alloc(0)
    let bytes = 0
    const end = (act: () => void): void => {
      clearTimeout(timer)
      socket.destroy()
      act()
    }
    const fail = (why: string, cause?: unknown): void =>
      end(() => reject(new ExchangeFailure(`${address} port ${port}: ${why}`, { cause })))
    const timer =
      totalMsMax === undefined ? undefined : setTimeout(() => fail('no answer in time'), totalMsMax)
    socket.setTimeout(msMax, () => fail('no answer in time'))
    socket.on('error', (error) => fail('the connection failed', error))
    socket.once('end', () => fail('the connection ended'))
    socket.once('connect', () => socket.write(framed(message)))
    socket.on('data', (chunk) => {
      bytes += chunk.length
      if (bytes > bytesMax) return fail('the answer is too large')
      held = Buffer.concat([held, chunk])
      for (;;) {
        const size = held.length < 2 ? null : held.readUInt16BE(0)
        if (size === null || held.length < 2 + size) return
        const reply = held.subarray(2, 2 + size)
        held = held.subarray(2 + size)
        try {
          if (take(reply) === 'done') return end(resolve)
        } catch (error) {
          return end(() => reject(error))
        }
      }
    })
  })
}

/** A message with its length in front (RFC 1035 §4.2.2). */
export function framed(message: Buffer): Buffer {
  const size = Buffer.alloc(2)
  size.writeUInt16BE(message.length)
  return Buffer.concat([size, message])
}
