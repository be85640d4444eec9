/** The DNS listener: UDP and TCP on the same port, answering from the same zones. */
import type { ZoneStore } from '../../domains/zones/store.ts'
import type { Platform } from '../../platform/platform.ts'
import { startTcpListener, type TcpListener } from '../tcp-listener.ts'
import { createCookies } from './cookies.ts'
import { dnsLimits } from './limits.ts'
import type { HandleOther, Transport } from './other-requests.ts'
import { createRateLimit, type RateLimit } from './rate-limit.ts'
import { createResponder, type Responder } from './responder.ts'
import { startTcpConnection } from './tcp.ts'
import { startUdpListener, type UdpListener } from './udp.ts'

export type DnsListenerOptions = {
  host: string
  /** 0: any free port. */
  port: number
  /** Loaded: what is not in it is refused. */
  store: ZoneStore
  /** Transfers and the like; they are refused without. */
  handleOther?: HandleOther
  /** Whether a name is of a zone that `handleOther` alone answers for. */
  isPrivate?: (name: string) => boolean
  /** The usual one, if left out. */
  rateLimit?: RateLimit
}

export type DnsListener = { port: number; stop(): Promise<void> }

/** @throws when the port cannot be bound for both. */
export async function startDnsListener(
  platform: Platform,
  options: DnsListenerOptions,
): Promise<DnsListener> {
  const counters = startCounters(platform)
  const respond = createResponder({
    store: options.store,
    cookies: createCookies(platform),
    rateLimit: options.rateLimit ?? createRateLimit(),
    handleOther: options.handleOther ?? (() => Promise.resolve(null)),
    isPrivate: options.isPrivate ?? (() => false),
    count: counters.count,
    log: platform.log,
  })
  try {
    const { tcp, udp } = await bindBoth(platform, options, respond)
    return {
      port: tcp.port,
      async stop() {
        await Promise.all([tcp.stop(), udp.stop()])
        counters.stop()
      },
    }
  } catch (error) {
    counters.stop()
    throw error
  }
}

/** Any free TCP port may be taken for UDP: then it is another one's turn. */
const attemptsMax = 20

async function bindBoth(
  platform: Platform,
  { host, port }: DnsListenerOptions,
  respond: Responder,
): Promise<{ tcp: TcpListener; udp: UdpListener }> {
  for (let attempt = 1; ; attempt++) {
    const tcp = await startTcpListener(platform, {
      protocol: 'dns',
      host,
      port,
      isImplicitTls: true, // nothing is said to a connection that is one too many: there is no such message
      limits: dnsLimits.tcp,
      refusal: '',
      start: (socket) => startTcpConnection(platform, socket, respond),
    })
    try {
      return { tcp, udp: await startUdpListener(platform, { host, port: tcp.port, respond }) }
    } catch (error) {
      await tcp.stop()
      if (port !== 0 || attempt >= attemptsMax) throw error
    }
  }
}

const flushMs = 1000

/** Counts in plain numbers and hands them on once a second: a labelled counter costs more than an answer. */
function startCounters({ metrics }: Platform): {
  count: (transport: Transport, rcode: number | null) => void
  stop(): void
} {
  const counts = { udp: new Uint32Array(18), tcp: new Uint32Array(18) }
  const unanswered = 17
  const flush = (): void => {
    for (const transport of ['udp', 'tcp'] as const) {
      for (const [rcode, value] of counts[transport].entries()) {
        if (value === 0) continue
        const label = rcode === unanswered ? 'none' : String(rcode)
        metrics.dnsQueries.inc({ transport, rcode: label }, value)
      }
      counts[transport].fill(0)
    }
  }
  const timer = setInterval(flush, flushMs).unref()
  return {
    count(transport, rcode) {
      const at = rcode ?? unanswered
      counts[transport][at] = (counts[transport][at] ?? 0) + 1
    },
    stop() {
      clearInterval(timer)
      flush()
    },
  }
}
