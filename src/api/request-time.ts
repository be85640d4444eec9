/** How long a client may take to send a body: a minute, but for the routes that take whole files. */
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { apiLimits } from './limits.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its body may take `apiLimits.uploadMsMax`, which is the bound of the listener. */
    takesLong?: boolean
  }
}

export function limitRequestTime(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const { raw } = request
    if (announcesBody(raw) && request.routeOptions.config.takesLong !== true) breakWhenLate(raw)
    done()
  })
}

// RFC 9112 §6.3
function announcesBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

function breakWhenLate(request: IncomingMessage): void {
  const late = setTimeout(() => {
    if (!request.complete) request.destroy()
  }, apiLimits.requestMsMax)
  late.unref()
  request.once('close', () => clearTimeout(late))
}
