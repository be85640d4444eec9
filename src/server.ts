/** The composition root: configuration -> platform -> core -> faces. Start order, stop order, nothing else. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Bootstrapped, bootstrap } from './accounts/bootstrap.ts'
import { startAuthenticator } from './accounts/principals.ts'
import { startApi } from './api/server.ts'
import { startCommitLane } from './delivery/commit-lane.ts'
import { prepareSpool } from './delivery/inbound/spool.ts'
import { startOutbound } from './delivery/outbound/sender.ts'
import { startOutboundPortCheck } from './delivery/outbound-port.ts'
import { startRecipientResolver } from './delivery/recipients.ts'
import { startSpamTraining } from './delivery/spam/training.ts'
import { startCertificates } from './domains/certificates/serve.ts'
import { readSigners } from './domains/zones/dnssec/zone-signers.ts'
import { startZoneStore, type ZoneStore } from './domains/zones/store.ts'
import { jobHandlers, jobSchedule } from './job-handlers.ts'
import { startLastUses } from './mailboxes/last-uses.ts'
import { startMaildropLocks } from './messages/maildrop/maildrop-locks.ts'
import { openPlatform } from './open-platform.ts'
import { otherFaces } from './other-faces.ts'
import type { Config } from './platform/config.ts'
import { writeFileDurably } from './platform/data-directory.ts'
import type { ListenerName, ListenerPorts } from './platform/endpoints.ts'
import { startJobs } from './platform/jobs.ts'
import type { Platform } from './platform/platform.ts'
import type { TlsStore } from './platform/tls.ts'
import { startDnsListener } from './protocols/dns/listener.ts'
import { startTransfers } from './protocols/dns/transfer/start.ts'
import { startImapListener } from './protocols/imap/listener.ts'
import { startPop3Listener } from './protocols/pop3/listener.ts'
import { startSmtpListener } from './protocols/smtp/listener.ts'
import { answerFront } from './protocols/web-names/front.ts'
import { startPlainListener } from './protocols/web-names/plain-listener.ts'
import { startSecureListener } from './protocols/web-names/secure-listener.ts'
import { startWebhooks } from './webhooks/start.ts'

export type Server = AsyncDisposable & {
  platform: Platform
  /** What the first start made and must be shown; null at later starts. */
  bootstrapped: Bootstrapped | null
  endpoints: Endpoints
  /** Resolves with a sentence if the server cannot go on. */
  failed: Promise<string>
}

/** Where to find each listener: the contents of DATA_DIR/endpoints.json (DESIGN section 6). */
export type Endpoints = { pid: number } & Record<ListenerName, string | null>

/** Starts everything that the configuration asks for. A start that fails half-way stops what it started. */
export async function startServer(config: Config): Promise<Server> {
  await using stack = new AsyncDisposableStack()
  const endpointsFile = join(config.dataDir, 'endpoints.json')
  const opened = stack.use(await openPlatform(config))
  const { platform } = opened
  await rm(endpointsFile, { force: true }) // one that a killed process left
  const bootstrapped = await bootstrap(platform)
  if (config.roles.has('worker')) {
    const jobs = await startJobs(platform, jobHandlers, jobSchedule)
    stack.defer(() => jobs.stop())
    const training = startSpamTraining(platform)
    stack.defer(() => training.stop())
    const portCheck = startOutboundPortCheck(platform)
    stack.defer(() => portCheck.stop())
    const outbound = await startOutbound(platform)
    stack.defer(() => outbound.stop())
    const webhooks = await startWebhooks(platform)
    stack.defer(() => webhooks.stop())
  }
  const uses = startLastUses(platform)
  stack.defer(() => uses.stop())
  const tls = stack.use(await startCertificates(platform)).tls
  // Many zones take seconds to read, most of them waiting for the database: the rest starts meanwhile.
  const zones = readZones(platform, stack)
  await startMail(platform, tls, stack)
  let isReady = false
  await startHttp(platform, tls, stack, () => isReady)
  if (zones !== null) await startDns(platform, await zones, stack)
  isReady = true
  const endpoints = endpointsOf(config, platform.ports)
  // Deferred last, so that it goes first: nobody is sent to a server that is stopping.
  stack.defer(() => rm(endpointsFile, { force: true }))
  await writeFileDurably(endpointsFile, `${JSON.stringify(endpoints, null, 2)}\n`, 0o644)
  const running = stack.move()
  return {
    platform,
    bootstrapped,
    endpoints,
    failed: opened.databaseLost,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** @returns null where this node answers no questions. */
function readZones(platform: Platform, stack: AsyncDisposableStack): Promise<ZoneStore> | null {
  const { config } = platform
  if (!config.roles.has('dns') || config.dnsPort === null) return null
  const store = startZoneStore(platform, { readSigners: (ids) => readSigners(platform, ids) })
  const started = store.catch(() => null) // who waits for the store is told
  stack.defer(async () => (await started)?.stop())
  return store
}

async function startDns(platform: Platform, store: ZoneStore, stack: AsyncDisposableStack): Promise<void> {
  const { config, ports } = platform
  const { handleOther, isPrivate, stop } = startTransfers(platform, store)
  stack.defer(stop)
  const { host, dnsPort: port } = config
  if (port === null) return
  const listener = await startDnsListener(platform, { host, port, store, handleOther, isPrivate })
  stack.defer(() => listener.stop())
  ports.dns = listener.port
}

async function startMail(platform: Platform, tls: TlsStore, stack: AsyncDisposableStack): Promise<void> {
  const { config, ports } = platform
  if (config.roles.has('smtp')) {
    const recipients = startRecipientResolver(platform)
    stack.defer(() => recipients.stop())
    const lane = startCommitLane(platform)
    stack.defer(() => lane.stop())
    await prepareSpool(platform)
    const wanted = {
      smtp: config.smtpPort,
      submission: config.submissionPort,
      submissions: config.submissionsPort,
      lmtp: config.lmtpPort,
    }
    for (const name of ['smtp', 'submission', 'submissions', 'lmtp'] as const) {
      const port = wanted[name]
      if (port === null) continue
      const listener = await startSmtpListener(platform, {
        name,
        host: config.host,
        port,
        tls,
        lane,
        recipients,
      })
      stack.defer(() => listener.stop())
      ports[name] = listener.port
    }
  }
  if (config.roles.has('imap')) {
    const wanted = { imap: config.imapPort, imaps: config.imapsPort }
    for (const name of ['imap', 'imaps'] as const) {
      const port = wanted[name]
      if (port === null) continue
      const listener = await startImapListener(platform, { name, host: config.host, port, tls })
      stack.defer(() => listener.stop())
      ports[name] = listener.port
    }
  }
  if (config.roles.has('pop3')) {
    const locks = startMaildropLocks(platform)
    stack.defer(() => locks.stop())
    const wanted = { pop3: config.pop3Port, pop3s: config.pop3sPort }
    for (const name of ['pop3', 'pop3s'] as const) {
      const port = wanted[name]
      if (port === null) continue
      const listener = await startPop3Listener(platform, { name, host: config.host, port, tls, locks })
      stack.defer(() => listener.stop())
      ports[name] = listener.port
    }
  }
}

async function startHttp(
  platform: Platform,
  tls: TlsStore,
  stack: AsyncDisposableStack,
  isReady: () => boolean,
): Promise<void> {
  const { config, ports } = platform
  if (!config.roles.has('http')) return
  const { host } = config
  if (config.httpChallengePort !== null) {
    const listener = await startPlainListener(platform, { host, port: config.httpChallengePort })
    stack.defer(() => listener.stop())
    ports.http_challenge = listener.port
  }
  if (config.httpPort === null && config.httpsPort === null) return
  const authenticator = startAuthenticator(platform)
  stack.defer(() => authenticator.stop())
  const api = await startApi(platform, {
    authenticator,
    host,
    port: config.httpPort,
    isReady,
    front: (request, response) => answerFront(platform, request, response),
    ...otherFaces(platform),
  })
  stack.defer(() => api.stop())
  ports.http = api.port
  if (config.httpsPort === null) return
  const secure = await startSecureListener(platform, {
    host,
    port: config.httpsPort,
    tls,
    handle: api.handle,
    upgrades: api.upgrades,
  })
  stack.defer(async () => {
    await api.endStreams()
    await secure.stop()
  })
  ports.https = secure.port
}

function endpointsOf(config: Config, ports: ListenerPorts): Endpoints {
  const host = reachable(config.host)
  const at = (port: number | null): string | null => (port === null ? null : `${host}:${port}`)
  return {
    pid: process.pid,
    http: ports.http === null ? null : `http://${host}:${ports.http}`,
    https: ports.https === null ? null : `https://${host}:${ports.https}`,
    smtp: at(ports.smtp),
    submission: at(ports.submission),
    submissions: at(ports.submissions),
    lmtp: at(ports.lmtp),
    imap: at(ports.imap),
    imaps: at(ports.imaps),
    pop3: at(ports.pop3),
    pop3s: at(ports.pop3s),
    dns: at(ports.dns),
    http_challenge: at(ports.http_challenge),
  }
}

/** A listener on every address is reached on loopback. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}
