/** DNS over UDP (RFC 1035 §4.2.1): a datagram in, at most one out. */
import { createSocket, type Socket } from 'node:dgram'
import { lookup } from 'node:dns'
import { isIP } from 'node:net'
import type { Platform } from '../../platform/platform.ts'
import { dnsLimits } from './limits.ts'
import type { Responder } from './responder.ts'

export type UdpListener = { stop(): Promise<void> }

/** @throws when the port cannot be bound. */
export async function startUdpListener(
  platform: Platform,
  { host, port, respond }: { host: string; port: number; respond: Responder },
): Promise<UdpListener> {
  const socket = createSocket({
    type: host.includes(':') ? 'udp6' : 'udp4',
    recvBufferSize: kernelBufferBytes,
    // What is sent to an address is sent at once; the library would come back to it later, for every datagram.
    lookup: (name, options, callback) => {
      const family = isIP(name)
      if (family === 0) lookup(name, { ...options, all: false }, callback)
      else callback(null, name, family)
    },
  })
  await bind(socket, host, port)
  const onError = (cause: unknown): void => platform.log.debug({ event: 'dns.udp_error', cause })
  socket.on('error', onError)

  const send = (message: Buffer, toPort: number, address: string): void => {
    if (socket.getSendQueueSize() > dnsLimits.udpWaitingBytesMax) return // the network takes no more
    socket.send(message, toPort, address)
  }
  const sendAll = async (
    later: Promise<Iterable<Buffer> | AsyncIterable<Buffer>>,
    toPort: number,
    address: string,
  ): Promise<void> => {
    for await (const message of await later) if (!isStopped) send(message, toPort, address)
  }
  let pending = 0
  let isStopped = false
  socket.on('message', (bytes, { address, port: toPort }) => {
    if (toPort === 0 || bytes.length > dnsLimits.udpQueryBytesMax) return
    if (pending >= dnsLimits.udpPendingMax) return
    const reply = respond(bytes, 'udp', address)
    if (reply === null) return
    if (!(reply instanceof Promise)) return send(reply, toPort, address)
    pending++
    void sendAll(reply, toPort, address)
      .catch(onError)
      .finally(() => pending--)
  })
  return {
    stop() {
      isStopped = true
      return new Promise((resolve) => socket.close(() => resolve()))
    },
  }
}

/** Queries that wait for their turn, as far as the system allows. */
const kernelBufferBytes = 4 * 1024 ** 2

function bind(socket: Socket, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      socket.close()
      reject(error)
    }
    socket.once('error', onError)
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.off('error', onError)
      resolve()
    })
  })
}
