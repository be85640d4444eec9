/** Who calls a dialect: its vendor's header holds one of our tokens. */
import type { FastifyRequest } from 'fastify'
import type { Caller, Callers, Turn } from '../mailboxes/callers.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Anybody may call it, without a key. */
    open?: boolean
  }
}

/**
 * Lets the caller in, counted with the calls of other faces.
 * @param token as the vendor's header had it; undefined for none.
 * @param workspaceId the workspace that the request names, or null for the key's own.
 * @throws Refusal unauthenticated, rate_limited, workspace_not_found.
 */
export async function admitToken(
  callers: Callers,
  request: FastifyRequest,
  token: string | undefined,
  workspaceId: string | null,
  onTurn: (turn: Turn) => void,
): Promise<Caller> {
  const authorization = token === undefined ? undefined : `Bearer ${token}`
  const caller = await callers.admit({ authorization, workspaceId, remoteAddress: request.ip }, onTurn)
  request.caller = caller
  return caller
}

/** The caller of a route that asks for one. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw new Error('this route asks for no caller')
  return request.caller
}

/** The token of a bearer (RFC 6750 §2.1). */
export function bearerOf(request: FastifyRequest): string | undefined {
  return /^bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
}

/** A header that came once. */
export function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' ? value : undefined
}
