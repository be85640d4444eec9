/** The contract of a dialect as data: OpenAPI 3.1 at `PREFIX/openapi.json`, made from its routes' schemas. */
import { STATUS_CODES } from 'node:http'
import swagger from '@fastify/swagger'
import { Type } from 'typebox'
import type { Api } from '../platform/http/app.ts'

export type Reference = {
  title: string
  description: string
  tags: readonly { name: string; description: string }[]
  /** How a call says who calls, by name, as OpenAPI's Security Scheme Objects; one of them is enough. */
  security: Readonly<Record<string, SecurityScheme>>
}

type SecurityScheme =
  | { type: 'apiKey'; name: string; in: 'header'; description: string }
  | { type: 'http'; scheme: 'bearer'; description: string }

const path = '/openapi.json'

/** Collects the routes that are added to this scope from now on. */
export async function collectReference(app: Api, prefix: string, reference: Reference): Promise<void> {
  const { title, description, tags, security } = reference
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title, version: '1', description },
      servers: [{ url: prefix }],
      tags: [...tags],
      components: { securitySchemes: { ...security } },
      security: Object.keys(security).map((name) => ({ [name]: [] })),
    },
    transform: ({ schema, url }) => ({
      schema: { ...schema, ...(schema?.response ? { response: described(schema.response) } : {}) },
      url: url.startsWith(`${prefix}/`) ? url.slice(prefix.length) : url,
    }),
  })
}

/** Each reply with a description, which OpenAPI asks for. */
function described(replies: unknown): object {
  return Object.fromEntries(
    Object.entries(Object(replies)).map(([status, reply]) => [
      status,
      { description: STATUS_CODES[status], ...Object(reply) },
    ]),
  )
}

/** The document, for anybody. */
export function referenceRoute(app: Api): void {
  let document: string | null = null
  app.get(
    path,
    {
      config: { open: true },
      schema: {
        summary: 'This document',
        security: [],
        response: { 200: Type.Unsafe<string>({ type: 'object' }) },
      },
    },
    async (_request, reply) => {
      document ??= JSON.stringify(app.swagger())
      void reply.header('content-type', 'application/json; charset=utf-8') // it is text already
      return document
    },
  )
}
