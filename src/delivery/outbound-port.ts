/**
 * Whether mail can leave at all: many networks block port 25 outwards. It is tried at hosts that nearly everyone's mail
 * goes to; one that answers is enough.
 */
import { connect } from 'node:net'
import { sql } from 'kysely'
import type { Config } from '../platform/config.ts'
import type { Dns } from '../platform/dns.ts'
import type { Platform } from '../platform/platform.ts'

export type OutboundPortCheck =
  | { kind: 'open'; host: string }
  /** None of these could be reached. */
  | { kind: 'blocked'; tried: string[] }
  /** The name servers gave no host to try. */
  | { kind: 'no-hosts' }

/** Large providers with mail servers in several places. */
const wellKnownDomains = ['gmail.com', 'outlook.com', 'yahoo.com', 'icloud.com'] as const
const hostsOfEach = 1
const connectMsMax = 5_000
const lookupMsMax = 5_000

/** Tries to connect, to all hosts side by side; takes ten seconds at most. With a relay that is what is tried. */
export async function checkOutboundPort(
  { config, dns }: { config: Pick<Config, 'relayUrl' | 'outboundPort'>; dns: Dns },
  signal?: AbortSignal,
): Promise<OutboundPortCheck> {
  const targets =
    config.relayUrl === null
      ? await mxTargets(dns, config.outboundPort, signal)
      : [relayTarget(config.relayUrl)]
  if (targets.length === 0) return { kind: 'no-hosts' }
  const attempts = targets.map(async (target) => {
    await reach(target, signal)
    return target.host
  })
  return await Promise.any(attempts).then(
    (host) => ({ kind: 'open' as const, host }),
    () => ({ kind: 'blocked' as const, tried: targets.map(({ host, port }) => `${host}:${port}`) }),
  )
}

type Target = { host: string; port: number }

function relayTarget(relayUrl: string): Target {
  const { protocol, hostname, port } = new URL(relayUrl)
  return { host: hostname, port: port === '' ? (protocol === 'smtps:' ? 465 : 587) : Number(port) }
}

async function mxTargets(dns: Dns, port: number, signal?: AbortSignal): Promise<Target[]> {
  const lists = await Promise.all(
    wellKnownDomains.map((domain) => within(lookupMsMax, hostsOf(dns, domain), signal)),
  )
  return lists.flatMap((hosts) => hosts ?? []).map((host) => ({ host, port }))
}

/** The addresses of the first MX: the configured resolver knows them, the system's may not. */
async function hostsOf(dns: Dns, domain: string): Promise<string[]> {
  try {
    const [best] = (await dns.lookup(domain, 'MX')).toSorted((a, b) => a.priority - b.priority)
    return best ? (await dns.lookup(best.exchange, 'A')).slice(0, hostsOfEach) : []
  } catch {
    return [] // no answer: the check of the resolver tells of that
  }
}

/** @returns null when it takes longer, or is given up. */
function within<T>(ms: number, work: Promise<T>, signal?: AbortSignal): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const end = (value: T | null): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      resolve(value)
    }
    const abort = (): void => end(null)
    const timer = setTimeout(abort, ms)
    if (signal?.aborted) abort()
    else signal?.addEventListener('abort', abort)
    work.then(end, reject)
  })
}

/** @throws when there is no connection in time. */
function reach({ host, port }: Target, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port })
    const end = (settle: () => void): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      socket.destroy()
      settle()
    }
    const abort = (): void => end(() => reject(new Error('given up')))
    const timer = setTimeout(abort, connectMsMax)
    socket.once('connect', () => end(resolve))
    socket.once('error', (error) => end(() => reject(error)))
    if (signal?.aborted) abort()
    else signal?.addEventListener('abort', abort)
  })
}

export type OutboundPortState = 'not_checked' | OutboundPortCheck['kind']

const states = new WeakMap<Platform, OutboundPortState>()

/** What the check at the start found; `not_checked` also where there is nothing to send, or a relay to send by. */
export function outboundPortState(platform: Platform): OutboundPortState {
  return states.get(platform) ?? 'not_checked'
}

export type OutboundPortWatch = {
  /** Resolves when the check is over. */
  done: Promise<void>
  stop(): Promise<void>
}

/** Checks once, in the background, where mail leaves from this node by MX, and warns when it cannot. */
export function startOutboundPortCheck(platform: Platform): OutboundPortWatch {
  const giveUp = new AbortController()
  const done = (async () => {
    if (platform.config.relayUrl !== null || !(await sendsByMx(platform))) return
    const found = await checkOutboundPort(platform, giveUp.signal)
    if (giveUp.signal.aborted) return
    states.set(platform, found.kind)
    if (found.kind === 'open') return
    platform.log.warn({
      event: 'outbound.port_blocked',
      ...found,
      advice: `mail cannot leave by port ${platform.config.outboundPort}; ${portRemedy}`,
    })
  })().catch((error: unknown) => {
    if (!giveUp.signal.aborted) platform.log.warn({ event: 'outbound.port_check_failed', cause: error })
  })
  const stop = async (): Promise<void> => {
    giveUp.abort()
    await done
  }
  return { done, stop }
}

export const portRemedy =
  'ask your provider to open it, or send through a relay (MAILWRIGHT_RELAY_URL=smtp://user:password@host:587)'

/** Whether a domain of ours is in the world, and no relay of the whole platform takes its mail. */
async function sendsByMx({ db }: Platform): Promise<boolean> {
  const { rows } = await sql`
    select from domains where state = 'active' and name not like '%.test' and not exists (
      select from relays where workspace_id is null and domain_id is null and recipient_domain is null)
    limit 1`.execute(db)
  return rows.length > 0
}
