/**
 * From a destination to a session that is ready for MAIL: the MX hosts by preference or the relays in their order, TLS
 * as the destination's policy asks for it, and the login of a relay. A host that refuses is followed by the next one.
 */
import { connect, isIP, isIPv6, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import mxConnect, { type MxConnection } from 'mx-connect'
import { type Cache, createCache } from '../../platform/cache.ts'
import { DnsFailure } from '../../platform/dns.ts'
import type { Platform } from '../../platform/platform.ts'
import { daneFor } from './dane.ts'
import { type StsPolicy, stsPolicyOf } from './mta-sts.ts'
import type { AttemptDetail } from './outcome.ts'
import { isThisMachine, type Relay } from './relays.ts'
import { noReply, SmtpFailure } from './smtp-client/failure.ts'
import { greet, logIn, secure, startTls, type TlsWish } from './smtp-client/greeting.ts'
import { createSession, type SmtpSession, type SmtpTimeouts } from './smtp-client/session.ts'

/** Where a lane of the queue leads. */
export type Route = { kind: 'mx'; domain: string } | { kind: 'relay'; relays: readonly Relay[] }

/** A session after EHLO, TLS and login. */
export type ReadySession = {
  session: SmtpSession
  address: string
  detail: AttemptDetail
  /** Whether the host is surely the one that the destination meant: its name and its certificate are verified. */
  isAuthenticated: boolean
}

export type ConnectContext = {
  platform: Platform
  timeouts: SmtpTimeouts
  /** Authorities in place of the system's. */
  ca?: string
}

// RFC 5321 §5.1: at least two addresses are tried.
const hostsMax = 5

/**
 * @param ignore addresses that were tried already.
 * @throws SmtpFailure with what the first host said, or why none could be asked.
 */
export async function openRoute(
  context: ConnectContext,
  route: Route,
  ignore: readonly string[] = [],
): Promise<ReadySession> {
  return route.kind === 'mx'
    ? await openMx(context, route.domain, ignore)
    : await openRelays(context, route.relays, ignore)
}

async function openMx(
  context: ConnectContext,
  domain: string,
  ignore: readonly string[],
): Promise<ReadySession> {
  const { platform } = context
  const { config } = platform
  const tried = [...ignore]
  let first: SmtpFailure | null = null
  const sts = await stsPolicyOf(platform, domain)
  const mx = sts.mode === 'enforce' ? await allowedHosts(platform, domain, sts) : []
  while (tried.length < ignore.length + hostsMax) {
    const found = await resolveAndConnect(
      async () =>
        await mxConnect({
          target: domain,
          port: config.outboundPort,
          maxConnectTime: config.outboundConnectTimeout * 1000,
          dnsOptions: dnsOptions(platform, config.outboundNetworks === 'any'),
          ignoreMXHosts: tried,
          ...(mx.length > 0 ? { mx } : {}),
          mtaSts: { enabled: false }, // its own copy of mailauth is an old one: see mta-sts.ts
          dane: await daneFor(platform, domain),
        }),
    )
    if (found instanceof SmtpFailure) throw first ?? found
    try {
      return await makeReady(context, found, wishOf(context, found, sts))
    } catch (error) {
      if (!(error instanceof SmtpFailure)) throw error
      first ??= error
      tried.push(found.host)
    }
  }
  throw first ?? new SmtpFailure(noReply('connect', '4.4.1', 'no host of the domain is left to try'))
}

/** RFC 8461 §4.1: of the domain's MX hosts those that its policy names. */
async function allowedHosts(
  platform: Platform,
  domain: string,
  { allows }: Extract<StsPolicy, { mode: 'enforce' }>,
): Promise<{ exchange: string; priority: number }[]> {
  const hosts = await platform.dns.lookup(domain, 'MX').catch((error: unknown) => {
    throw failureOf(error)
  })
  const allowed = hosts.filter(({ exchange }) => allows(exchange))
  const isNullMx = hosts.every(({ exchange }) => exchange === '') // RFC 7505, or none at all
  if (!isNullMx && allowed.length === 0) {
    throw new SmtpFailure(
      noReply('tls', '4.7.5', 'the MTA-STS policy of the domain names none of its MX hosts'),
    )
  }
  return allowed
}

function dnsOptions(platform: Platform, mayBeLocal: boolean) {
  return {
    blockLocalAddresses: !mayBeLocal,
    blockReservedNetworks: !mayBeLocal,
    resolveRecords: async (name: string, type: string): Promise<unknown[]> =>
      type === 'MX' ? await platform.dns.lookup(name, 'MX') : await platform.dns.resolve(name, type),
  }
}

type TlsPolicy = {
  policy: NonNullable<AttemptDetail['policy']>
  /** 'never': TLS failed there a moment ago, and nothing asks for it. */
  use: 'never' | 'if-offered' | 'required'
  wish: TlsWish
}

function wishOf(
  context: ConnectContext,
  { hostname, host, daneVerifier }: MxConnection,
  sts: StsPolicy,
): TlsPolicy {
  const ca = context.ca === undefined ? {} : { ca: context.ca }
  const wish: TlsWish = { serverName: hostname, isVerified: false, ...ca }
  if (daneVerifier !== undefined) {
    const judge: TlsWish['judge'] = (leaf, chain) => daneVerifier(hostname, leaf, chain) ?? null
    return { policy: 'dane', use: 'required', wish: { ...wish, judge } }
  }
  if (sts.mode === 'enforce') {
    return { policy: 'mta-sts', use: 'required', wish: { ...wish, isVerified: true } }
  }
  const isBroken = brokenTls(context.platform).get(host) !== undefined
  return { policy: 'opportunistic', use: isBroken ? 'never' : 'if-offered', wish }
}

async function makeReady(
  context: ConnectContext,
  host: { socket: Socket; hostname: string; host: string; port: number },
  tls: TlsPolicy,
): Promise<ReadySession> {
  const { platform } = context
  const session = createSession(host.socket, context.timeouts)
  try {
    await greet(session, platform.config.hostname)
    await negotiateTls(session, platform.config.hostname, tls)
  } catch (error) {
    session.quit()
    if (error instanceof SmtpFailure) error.at = { host: host.hostname, address: host.host }
    const isTlsBroken =
      error instanceof SmtpFailure && error.reply.stage === 'tls' && tls.use === 'if-offered'
    if (!isTlsBroken) throw error
    // What is opportunistic goes on without (RFC 7435 §3), on a connection that no half handshake has passed over.
    brokenTls(platform).set(host.host, true)
    const socket = await reconnect(host, platform.config.outboundConnectTimeout * 1000)
    return await makeReady(context, { ...host, socket }, { ...tls, use: 'never' })
  }
  return {
    session,
    address: host.host,
    detail: { host: host.hostname, address: host.host, policy: tls.policy, ...tlsDetail(session.socket) },
    isAuthenticated: tls.use === 'required',
  }
}

async function negotiateTls(session: SmtpSession, ehloName: string, { use, wish }: TlsPolicy): Promise<void> {
  if (use === 'never') return
  if (session.capabilities.starttls) await startTls(session, ehloName, wish)
  else if (use === 'required') {
    throw new SmtpFailure(
      noReply('tls', '4.7.4', 'TLS is required, and the server does not offer STARTTLS'),
      {
        isOpen: true,
      },
    )
  }
}

function tlsDetail(socket: Socket): Pick<AttemptDetail, 'tls'> {
  if (!(socket instanceof TLSSocket)) return {}
  return { tls: { version: socket.getProtocol() ?? 'unknown', cipher: socket.getCipher().name } }
}

async function openRelays(
  context: ConnectContext,
  relays: readonly Relay[],
  ignore: readonly string[],
): Promise<ReadySession> {
  let first: SmtpFailure | null = null
  for (const relay of relays) {
    try {
      return await openRelay(context, relay, ignore)
    } catch (error) {
      if (!(error instanceof SmtpFailure)) throw error
      first ??= error
    }
  }
  throw first ?? new SmtpFailure(noReply('connect', '4.4.1', 'no relay is left to try'))
}

/** Connects to one relay and logs in. @throws SmtpFailure */
export async function openRelay(
  context: ConnectContext,
  relay: Relay,
  ignore: readonly string[] = [],
): Promise<ReadySession> {
  const { platform } = context
  const { config } = platform
  const mayBeLocal = relay.isTrusted || config.outboundNetworks === 'any'
  const found = await resolveAndConnect(() =>
    mxConnect({
      target: isIP(relay.host) ? `[${isIPv6(relay.host) ? 'IPv6:' : ''}${relay.host}]` : relay.host,
      port: relay.port,
      mx: [{ exchange: relay.host, ...(relay.host === 'localhost' ? { A: ['127.0.0.1'] } : {}) }],
      maxConnectTime: config.outboundConnectTimeout * 1000,
      dnsOptions: dnsOptions(platform, mayBeLocal),
      ignoreMXHosts: ignore,
      mtaSts: { enabled: false },
      dane: { enabled: false },
    }),
  )
  if (found instanceof SmtpFailure) throw found
  const ca = context.ca === undefined ? {} : { ca: context.ca }
  const isVerified = relay.security === 'starttls' || relay.security === 'tls'
  const wish: TlsWish = { serverName: relay.host, isVerified, ...ca }
  const ready =
    relay.security === 'tls'
      ? await makeImplicit(context, found, wish)
      : await makeReady(context, found, {
          policy: 'relay',
          use:
            relay.security === 'none' ? 'never' : relay.security === 'starttls' ? 'required' : 'if-offered',
          wish,
        })
  if (relay.login !== null) {
    try {
      const mayLogIn =
        ready.session.socket instanceof TLSSocket || isThisMachine(found.host) || relay.security === 'none'
      if (!mayLogIn) throw new SmtpFailure(noReply('auth', '4.7.0', 'a password is not sent without TLS'))
      await logIn(ready.session, relay.login)
    } catch (error) {
      ready.session.quit()
      throw error
    }
  }
  const relayId = relay.id === null ? {} : { relay_id: relay.id }
  return { ...ready, detail: { ...ready.detail, ...relayId } }
}

/** TLS before the greeting (RFC 8314 §3.3). */
async function makeImplicit(
  context: ConnectContext,
  host: MxConnection,
  wish: TlsWish,
): Promise<ReadySession> {
  const session = createSession(host.socket, context.timeouts)
  try {
    await secure(session, wish)
    await greet(session, context.platform.config.hostname)
  } catch (error) {
    session.quit()
    throw error
  }
  return {
    session,
    address: host.host,
    detail: { host: host.hostname, address: host.host, policy: 'relay', ...tlsDetail(session.socket) },
    isAuthenticated: true,
  }
}

async function resolveAndConnect(open: () => Promise<MxConnection>): Promise<MxConnection | SmtpFailure> {
  try {
    return await open()
  } catch (error) {
    return failureOf(error)
  }
}

/** What mx-connect and DNS say, as a failure with a status code (RFC 3463, RFC 7505 §4). */
function failureOf(error: unknown): SmtpFailure {
  const said = error instanceof Error ? error : new Error(String(error))
  const { category, temporary, code } = { category: '', temporary: false, code: '', ...said }
  const failure = (stage: 'dns' | 'connect' | 'tls', enhanced: string): SmtpFailure =>
    new SmtpFailure(noReply(stage, enhanced, said.message), { cause: error })
  if (error instanceof DnsFailure) return failure('dns', '4.4.3')
  if (code === 'ENULLMX') return failure('dns', '5.1.10')
  if (code === 'InvalidIpAddress' && !temporary) return failure('dns', '5.4.4')
  if (category === 'dns') return failure('dns', temporary ? '4.4.3' : '5.1.2')
  if (category === 'dane' || category === 'policy') return failure('tls', '4.7.5')
  return failure('connect', '4.4.1')
}

function reconnect({ host, port }: { host: string; port: number }, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port })
    const fail = (why: string) => (): void => {
      clearTimeout(timer)
      socket.destroy()
      reject(new SmtpFailure(noReply('connect', '4.4.1', `the second connection to ${host} failed: ${why}`)))
    }
    const timer = setTimeout(fail('no answer in time'), timeoutMs)
    socket.once('error', fail('it was refused'))
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.removeAllListeners('error')
      resolve(socket)
    })
  })
}

const brokenMax = 10_000
const brokenMs = 600_000
const caches = new WeakMap<Platform, Cache<true>>()

/** Hosts whose TLS failed a moment ago. */
function brokenTls(platform: Platform): Cache<true> {
  const cache = caches.get(platform) ?? createCache<true>({ entriesMax: brokenMax, ttlMs: brokenMs })
  caches.set(platform, cache)
  return cache
}
