/** 405 (RFC 9110 §15.5.6): a path that exists answers to its other methods with the list of those it knows. */
import type { FastifyInstance, HTTPMethods } from 'fastify'
import { Refusal } from '../platform/errors.ts'

const methods: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE']

/**
 * Collects the paths of this scope from now on.
 * @returns what adds the missing methods, to be called last; it gives the list of the routes that there were.
 */
export function watchMethods(app: FastifyInstance): () => string[] {
  const known = new Map<string, Set<string>>()
  let finished = false
  app.addHook('onRoute', ({ url, method }) => {
    if (finished) return
    const set = known.get(url) ?? new Set()
    for (const one of [method].flat()) set.add(one)
    known.set(url, set)
  })
  return () => {
    finished = true
    for (const [url, allowed] of known) {
      const allow = [...allowed].sort().join(', ')
      app.route({
        method: methods.filter((one) => !allowed.has(one)),
        url,
        exposeHeadRoute: false,
        schema: { hide: true },
        // Before the body is read: what is wrong with it does not matter any more.
        onRequest: (_request, reply, done) => {
          void reply.header('allow', allow)
          done(new Refusal('method_not_allowed', `This route knows ${allow}.`))
        },
        handler: () => undefined,
      })
    }
    return [...known].flatMap(([url, allowed]) =>
      [...allowed].filter((method) => method !== 'HEAD').map((method) => `${method} ${url}`),
    )
  }
}
