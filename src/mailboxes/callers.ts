/**
 * Who calls: what a request brought as its credentials becomes a principal and a scope, and its turn is counted. Every
 * face that programs call asks here, so that a key has one rate on a node, whatever it calls.
 */
import { lockedRefusal } from '../accounts/login-guard.ts'
import type { Authenticator, Principal, Scope } from '../accounts/principals.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { createRateLimiter, type RateVerdict } from '../platform/rate-limit.ts'
import { logIn } from './login.ts'

export type Caller = { principal: Principal; scope: Scope }

export type Credentials = {
  /** The Authorization field as it came (RFC 9110 §11.6.2). */
  authorization: string | undefined
  /** The workspace that the request names, or null. */
  workspaceId: string | null
  /** Whom a failed login counts for. */
  remoteAddress: string
}

export type Turn = RateVerdict & { perMinute: number }

export type Callers = {
  /**
   * @param onTurn told of the turn that was taken, before a refusal for it is thrown.
   * @throws Refusal unauthenticated, rate_limited, workspace_not_found.
   */
  admit(credentials: Credentials, onTurn: (turn: Turn) => void): Promise<Caller>
  /** Requests of one caller in a minute, on this node. */
  readonly perMinute: number
  /**
   * Another workspace for one who was admitted.
   * @throws Refusal workspace_not_found for a foreign, deleted or unknown one.
   */
  scopeOf(principal: Principal, workspaceId: string): Promise<Scope>
  /** Takes another turn, for a request that is several. @throws Refusal rate_limited. */
  takeTurn(principal: Principal): Turn
}

/** Callers whose rates are remembered; past it, the one that was idle longest is forgotten. */
const rateEntriesMax = 20_000

/** @param requestsPerMinute of one key, app password or session, on this node. */
export function createCallers(
  platform: Platform,
  authenticator: Authenticator,
  requestsPerMinute: number,
): Callers {
  const rates = createRateLimiter({ perMinute: requestsPerMinute, entriesMax: rateEntriesMax })
  const take = (principal: Principal): Turn => ({ ...rates.take(principal.id), perMinute: rates.perMinute })
  return {
    perMinute: rates.perMinute,
    scopeOf: (principal, workspaceId) => authenticator.scopeOf(principal, workspaceId),
    async admit(credentials, onTurn) {
      const principal = await authenticate(platform, authenticator, credentials)
      const turn = take(principal)
      onTurn(turn)
      requireTurn(turn)
      return { principal, scope: await authenticator.scopeOf(principal, credentials.workspaceId) }
    },
    takeTurn(principal) {
      const turn = take(principal)
      requireTurn(turn)
      return turn
    },
  }
}

function requireTurn({ ok, perMinute, resetSeconds }: Turn): void {
  if (ok) return
  throw new Refusal('rate_limited', `More than ${perMinute} requests in a minute.`, {
    retryAfterSeconds: resetSeconds,
    quota: { max: perMinute, used: perMinute },
  })
}

/** The fields that tell a client of its turn (draft-ietf-httpapi-ratelimit-headers-03 §3). */
export function rateFields({ perMinute, remaining, resetSeconds }: Turn): Record<string, number> {
  return {
    'ratelimit-limit': perMinute,
    'ratelimit-remaining': remaining,
    'ratelimit-reset': resetSeconds,
  }
}

async function authenticate(
  platform: Platform,
  authenticator: Authenticator,
  { authorization, remoteAddress }: Credentials,
): Promise<Principal> {
  const token = bearerToken(authorization)
  const principal =
    token === null
      ? await mailboxPrincipal(platform, remoteAddress, authorization ?? '')
      : await authenticator.authenticate(token)
  if (!principal) throw new Refusal('unauthenticated')
  return principal
}

// RFC 6750 §2.1; the scheme's case does not matter (RFC 9110 §11.1).
const bearer = /^bearer +([\w.~+/=-]+)$/i

function bearerToken(header: string | undefined): string | null {
  return header === undefined ? null : (bearer.exec(header)?.[1] ?? null)
}

// RFC 7617 §2.
const basic = /^basic +([\w+/]+=*)$/i

/**
 * An app password, with the mailbox's address as the user's name, is a key that is bound to the mailbox. The primary
 * password is not: it shows and changes credentials nowhere.
 * @throws Refusal rate_limited when the mailbox is locked for this client.
 */
async function mailboxPrincipal(
  platform: Platform,
  remoteAddress: string,
  authorization: string,
): Promise<Principal | null> {
  const text = Buffer.from(basic.exec(authorization)?.[1] ?? '', 'base64').toString()
  const colon = text.indexOf(':')
  if (colon < 1) return null
  const source = { protocol: 'api', remoteAddress } as const
  const outcome = await logIn(platform, source, text.slice(0, colon), text.slice(colon + 1))
  if (outcome.kind === 'locked') throw lockedRefusal(platform, outcome.until)
  if (outcome.kind === 'refused' || outcome.login.appPasswordId === null) return null
  const { appPasswordId, organizationId, workspaceId, mailboxId } = outcome.login
  return {
    kind: 'app_password',
    id: appPasswordId,
    organizationId,
    workspaceId,
    otherWorkspaceIds: [],
    mailboxId,
    access: 'write',
    role: null,
    userId: null,
    expiresAt: null,
  }
}
