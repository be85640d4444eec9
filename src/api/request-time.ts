/**
 * How long a client may take to send a body: a minute, on every listener whose requests come here, and also when it was
 * answered already. A whole file may take longer, once its caller is known and may send it.
 */
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { allowLongBody, watchLate } from '../platform/http/long-bodies.ts'
import { apiLimits } from './limits.ts'

export { allowLongBody }

/** Breaks the connection of every request whose body is late. */
export function limitRequestTime(app: FastifyInstance, msMax?: number): void {
  app.addHook('onRequest', ({ raw }, _reply, done) => {
    breakWhenLate(raw, msMax)
    done()
  })
}

export function breakWhenLate(request: IncomingMessage, msMax: number = apiLimits.requestMsMax): void {
  if (!announcesBody(request)) return
  const late = setTimeout(() => {
    if (!request.complete) request.destroy()
  }, msMax)
  late.unref()
  watchLate(request, late)
}

// RFC 9112 §6.3
function announcesBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}
