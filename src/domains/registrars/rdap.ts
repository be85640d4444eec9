/**
 * RDAP (RFC 7480, 9082, 9083): whether the registry knows a name. It costs nothing and has no price: a name that it knows
 * is taken; one that it does not know may still be reserved, and only a registrar can tell.
 */
import { createCache } from '../../platform/cache.ts'
import type { Platform } from '../../platform/platform.ts'
import { RegistrarFailure } from './driver.ts'
import { request } from './http.ts'
import { startBootstrap } from './rdap-bootstrap.ts'

/** unlisted: the registry does not know it. unknown: it could not be asked. */
export type RdapAnswer = 'taken' | 'unlisted' | 'unknown'

export type Rdap = { ask(name: string, signal: AbortSignal): Promise<RdapAnswer> }

const cachedMax = 10_000
const takenTtlMs = 3 * 3600_000
const unlistedTtlMs = 60_000
const pauseMsMax = 10 * 60_000
const pauseMsPreset = 60_000

const ofPlatform = new WeakMap<Platform, Rdap>()

/** One for each node: it keeps what it learnt, and asks each registry one thing at a time. */
export function rdapOf(platform: Platform): Rdap {
  const known = ofPlatform.get(platform)
  if (known) return known
  const rdap = startRdap(platform.config.rdapBootstrapUrl)
  ofPlatform.set(platform, rdap)
  return rdap
}

export function startRdap(bootstrapUrl: string | null): Rdap {
  const bootstrap = startBootstrap(bootstrapUrl)
  const taken = createCache<true>({ entriesMax: cachedMax, ttlMs: takenTtlMs })
  const unlisted = createCache<true>({ entriesMax: cachedMax, ttlMs: unlistedTtlMs })
  /** The last question to each host, and until when one that is overloaded is left alone. */
  const hosts = new Map<string, { last: Promise<unknown>; pausedUntilMs: number }>()

  const askServer = async (server: string, name: string, signal: AbortSignal): Promise<RdapAnswer> => {
    const url = new URL(`domain/${name}`, server.endsWith('/') ? server : `${server}/`)
    const host = hosts.get(url.host) ?? { last: Promise.resolve(), pausedUntilMs: 0 }
    hosts.set(url.host, host)
    const turn = host.last.then(async (): Promise<RdapAnswer> => {
      if (signal.aborted || performance.now() < host.pausedUntilMs) return 'unknown'
      const headers = { accept: 'application/rdap+json' }
      const reply = await request({ method: 'GET', url: url.href, headers, signal })
      if (reply.status === 429) host.pausedUntilMs = performance.now() + pauseMs(reply.headers)
      // RFC 7480 §5.1 and §5.3
      return reply.status === 200 ? 'taken' : reply.status === 404 ? 'unlisted' : 'unknown'
    })
    host.last = turn.catch(() => undefined)
    return await turn
  }

  return {
    async ask(name, signal) {
      if (taken.get(name)) return 'taken'
      if (unlisted.get(name)) return 'unlisted'
      const server = await bootstrap.serverFor(name, signal)
      if (server === null) return 'unknown'
      try {
        const answer = await askServer(server, name, signal)
        if (answer === 'taken') taken.set(name, true)
        if (answer === 'unlisted') unlisted.set(name, true)
        return answer
      } catch (error) {
        if (error instanceof RegistrarFailure) return 'unknown'
        throw error
      }
    },
  }
}

/** Retry-After in seconds (RFC 9110 §10.2.3), within bounds. */
function pauseMs(headers: Headers): number {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN)
  return seconds > 0 ? Math.min(seconds * 1000, pauseMsMax) : pauseMsPreset
}
