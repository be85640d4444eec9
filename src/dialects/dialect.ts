/**
 * Dialects: wire-compatible APIs of other vendors over the same core, each under its own prefix. A dialect translates and
 * decides nothing. Each is a scope of its own: its errors, unknown paths, headers and content type are its vendor's.
 */
import type { IncomingMessage } from 'node:http'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Callers } from '../mailboxes/callers.ts'
import { DatabaseUnreachable } from '../platform/database.ts'
import type { DialectName } from '../platform/dialect-names.ts'
import { type ErrorCode, Refusal } from '../platform/errors.ts'
import type { Api } from '../platform/http/app.ts'
import { coerceQueries } from '../platform/http/coerce-query.ts'
import { compileWhenCalled } from '../platform/http/lazy-schemas.ts'
import type { Platform } from '../platform/platform.ts'
import { type Fault, faultOf } from './faults.ts'
import { dialectPaths, isUnder, prefixOf } from './hosts.ts'
import { collectReference, type Reference, referenceRoute } from './reference.ts'

export type Dialect = {
  name: DialectName
  /** Whether a path may end with a slash more. */
  ignoresTrailingSlash?: boolean
  /** What its clients may have before its paths beside the prefix: a part of their vendor's base URL, as in `/v1/api`. */
  basePath?: string
  /** What its OpenAPI document, at `PREFIX/openapi.json`, says of it beside its routes. */
  reference: Reference
  /** Answers in the vendor's form what was refused or went wrong. @returns the body. */
  answer(fault: Fault, request: FastifyRequest, reply: FastifyReply): unknown
  /** Adds its routes and hooks to its scope, whose prefix is there already. */
  register(app: Api, platform: Platform, callers: Callers): void | Promise<void>
}

/** What a listener needs for these dialects. */
export type DialectFaces = {
  /** Adds them to a listener that has a `caller` on its requests. */
  face(app: FastifyInstance, callers: Callers): Promise<void>
  /** The path that a request is routed by: its host may stand for a prefix. */
  pathOf(request: IncomingMessage): string
  /** Answers what Fastify refuses before it knows the scope. @returns whether it was for one of them. */
  answerUnrouted(error: FastifyError, request: FastifyRequest, reply: FastifyReply): boolean
}

export function dialectFaces(platform: Platform, dialects: readonly Dialect[]): DialectFaces {
  const forms = new Map(
    dialects.map(({ name, ignoresTrailingSlash = false, basePath = '' }) => [
      name,
      { ignoresTrailingSlash, basePath },
    ]),
  )
  return {
    async face(app, callers) {
      for (const dialect of dialects) {
        const prefix = prefixOf(dialect.name)
        await app.register(async (scope: Api) => registerDialect(scope, platform, callers, dialect), {
          prefix,
        })
      }
    },
    pathOf: dialectPaths(platform.config.dialectHosts, forms),
    answerUnrouted(error, request, reply) {
      const dialect = dialects.find(({ name }) => isUnder(request.url, prefixOf(name)))
      if (dialect) answerFault(platform, dialect, faultOf(error), request, reply)
      return dialect !== undefined
    },
  }
}

async function registerDialect(
  app: Api,
  platform: Platform,
  callers: Callers,
  dialect: Dialect,
): Promise<void> {
  app.setErrorHandler<FastifyError>((error, request, reply) =>
    answerFault(platform, dialect, faultOf(error), request, reply),
  )
  app.setNotFoundHandler((request, reply) =>
    answerFault(platform, dialect, faultOf(new Refusal('route_not_found')), request, reply),
  )
  compileWhenCalled(app, {})
  coerceQueries(app)
  await collectReference(app, prefixOf(dialect.name), dialect.reference)
  referenceRoute(app)
  await dialect.register(app, platform, callers)
}

function answerFault(
  platform: Platform,
  dialect: Dialect,
  fault: Fault,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const { refusal } = fault
  if (refusal.code === 'internal' || refusal.cause instanceof DatabaseUnreachable) {
    platform.log.error({
      event: 'http.failed',
      request_id: request.id,
      method: request.method,
      route: request.routeOptions.url,
      cause: refusal.cause,
    })
  }
  if (refusal.retryAfterSeconds !== null) void reply.header('retry-after', refusal.retryAfterSeconds)
  const body = dialect.answer(fault, request, reply)
  // As text: the routes' schemas describe their errors, but no one else's serializer is needed for them.
  void reply.header('content-type', 'application/json').send(JSON.stringify(body))
}

/** The vendor's errors for ours: a row for each code that the calls of the dialect can meet; others are `internal`. */
export type ErrorTable<Row> = Readonly<Partial<Record<ErrorCode, Row>> & Record<'internal', Row>>

export function rowOf<Row>(table: ErrorTable<Row>, code: ErrorCode): Row {
  return table[code] ?? table.internal
}
