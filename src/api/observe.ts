/** What is seen of requests from outside: the histogram, open connections, and the id in each reply. */
import type { FastifyInstance } from 'fastify'
import type { Platform } from '../platform/platform.ts'

export function observeRequests(app: FastifyInstance, platform: Platform): void {
  const { httpRequests, connections } = platform.metrics
  app.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id)
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    // The pattern, never the path itself: a label has few values.
    const route = request.routeOptions.url ?? 'unknown'
    httpRequests.observe(
      { method: request.method, route, status: reply.statusCode },
      reply.elapsedTime / 1000,
    )
    if (platform.log.isLevelEnabled('debug')) {
      platform.log.debug({
        event: 'http.request',
        request_id: request.id,
        method: request.method,
        route,
        status: reply.statusCode,
        duration_ms: reply.elapsedTime,
        caller: request.caller?.scope.actor,
      })
    }
    done()
  })
  app.server.on('connection', (socket) => {
    connections.inc({ protocol: 'http' })
    socket.once('close', () => connections.dec({ protocol: 'http' }))
  })
}
