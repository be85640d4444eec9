/**
 * Requests that ask for another protocol (RFC 9110 §7.8). Only those for a WebSocket on its own path leave HTTP; every
 * other goes its way as if it had not asked, which RFC 9110 allows.
 */
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

export const webSocketPath = '/v1/events/websocket'

/** What a listener does with a request that asks for an upgrade. */
export type Upgrades = {
  /** Whether it is one for here; if not, it is a plain request. */
  accepts(request: IncomingMessage): boolean
  take(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

type Upgrade = { socket: Duplex; head: Buffer; response: ServerResponse }

const upgrades = new WeakMap<IncomingMessage, Upgrade>()

/** Lets the routes answer such requests: who they come from and what they may is asked as of any other. */
export function routedUpgrades(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Upgrades {
  return {
    accepts: ({ method, url = '', headers: { upgrade } }) =>
      method === 'GET' &&
      upgrade?.toLowerCase() === 'websocket' &&
      (url === webSocketPath || url.startsWith(`${webSocketPath}?`)),
    take(request, socket, head) {
      socket.on('error', () => socket.destroy())
      const response = new ServerResponse(request)
      response.shouldKeepAlive = false
      // It was refused: nobody reads from this connection any more, nor bounds how long its client keeps it.
      response.once('finish', () => socketOf(socket).destroySoon())
      response.assignSocket(socketOf(socket))
      upgrades.set(request, { socket, head, response })
      bearerOfProtocol(request)
      handle(request, response)
    },
  }
}

/** Whether a request came as one that asks for a WebSocket. */
export function asksForUpgrade(request: IncomingMessage): boolean {
  return upgrades.has(request)
}

/** Takes the connection of such a request out of HTTP. */
export function takeUpgrade(request: IncomingMessage): { socket: Duplex; head: Buffer } {
  const upgrade = upgrades.get(request)
  if (upgrade === undefined) throw new Error('the request asked for no upgrade')
  const { socket, head, response } = upgrade
  response.detachSocket(socketOf(socket))
  return { socket, head }
}

// RFC 9110 §5.6.2: what a name of a protocol may be made of.
const bearerProtocol = /^\s*bearer\s*,\s*([\w!#$%&'*+.^`|~-]+)\s*$/i

/** Browsers cannot set `Authorization` on a WebSocket: they name the protocols `bearer` and the key. */
function bearerOfProtocol({ headers }: IncomingMessage): void {
  const token = bearerProtocol.exec(headers['sec-websocket-protocol'] ?? '')?.[1]
  if (headers.authorization === undefined && token !== undefined) headers.authorization = `Bearer ${token}`
}

type ResponseSocket = Parameters<ServerResponse['assignSocket']>[0]

/** Node gives the socket of its own server, as what its type says of other servers. */
function socketOf(socket: Duplex): ResponseSocket {
  return socket as ResponseSocket
}
