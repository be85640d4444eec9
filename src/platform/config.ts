/**
 * The configuration: one schema that says every variable's name, type, default and meaning.
 * It is read once, at the start, into a typed value; all problems are reported together; nothing
 * else in the program reads the environment.
 */
import { resolve } from 'node:path'
import { type Setting, setting } from './config-settings.ts'
import { createVault } from './vault.ts'

export const roles = ['http', 'smtp', 'imap', 'pop3', 'dns', 'worker'] as const

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

export const configSchema = {
  dataDir: setting.text(
    'MAILWRIGHT_DATA_DIR',
    './data',
    'Where the embedded database, keys and certificates live.',
  ),
  databaseUrl: setting
    .postgresUrl('DATABASE_URL', 'PostgreSQL 15 or newer in place of the embedded one.')
    .secret(),
  host: setting.host('MAILWRIGHT_HOST', '127.0.0.1', 'The address that every listener binds.'),
  hostname: setting.hostname(
    'MAILWRIGHT_HOSTNAME',
    'localhost',
    'The name that clients and other mail servers know this host by.',
  ),
  httpPort: setting.port('MAILWRIGHT_HTTP_PORT', 8080, 'API, reference page, health and metrics.'),
  smtpPort: setting.port('MAILWRIGHT_SMTP_PORT', 2025, 'MX: where other mail servers deliver.'),
  submissionPort: setting.port('MAILWRIGHT_SUBMISSION_PORT', 2587, 'Submission with STARTTLS (RFC 6409).'),
  submissionsPort: setting.port('MAILWRIGHT_SUBMISSIONS_PORT', 2465, 'Submission over TLS (RFC 8314).'),
  lmtpPort: setting.port(
    'MAILWRIGHT_LMTP_PORT',
    null,
    'LMTP (RFC 2033), for a mail server that stands in front of this one.',
  ),
  proxyProtocolFrom: setting.networks(
    'MAILWRIGHT_PROXY_PROTOCOL_FROM',
    'Load balancers whose SMTP connections begin with a PROXY protocol header that tells the client’s address.',
  ),
  imapPort: setting.port('MAILWRIGHT_IMAP_PORT', 2143, 'IMAP with STARTTLS.'),
  imapsPort: setting.port('MAILWRIGHT_IMAPS_PORT', 2993, 'IMAP over TLS.'),
  pop3Port: setting.port('MAILWRIGHT_POP3_PORT', 2110, 'POP3 with STLS.'),
  pop3sPort: setting.port('MAILWRIGHT_POP3S_PORT', 2995, 'POP3 over TLS (RFC 8314).'),
  dnsPort: setting.port(
    'MAILWRIGHT_DNS_PORT',
    2053,
    'DNS over UDP and TCP (reserved: DNS is not served yet).',
  ),
  roles: setting.list('MAILWRIGHT_ROLES', roles, 'What this node does.'),
  resolver: setting.ipPort(
    'MAILWRIGHT_RESOLVER',
    'DNS resolver for checks and MX look-ups; the system’s if unset.',
  ),
  outboundPort: setting.integer(
    'MAILWRIGHT_OUTBOUND_PORT',
    { default: 25, min: 1, max: 65_535 },
    'Port for delivery to other mail servers.',
  ),
  relayUrl: setting
    .url('MAILWRIGHT_RELAY_URL', ['smtp:', 'smtps:'], 'A smarthost for outbound mail in place of MX.')
    .secret(),
  outboundNetworks: setting.choice(
    'MAILWRIGHT_OUTBOUND_NETWORKS',
    ['public', 'any'],
    'public',
    'Where mail may be delivered: with `public`, an MX that points into a loopback or private network is refused.',
  ),
  outboundConnections: setting.integer(
    'MAILWRIGHT_OUTBOUND_CONNECTIONS',
    { default: 100, min: 1, max: 10_000 },
    'Connections that this node has open to other mail servers, at most.',
  ),
  outboundConnectTimeout: setting.duration(
    'MAILWRIGHT_OUTBOUND_CONNECT_TIMEOUT',
    '30s',
    'How long a connection to another mail server may take to be established.',
  ),
  retrySchedule: setting.durations(
    'MAILWRIGHT_RETRY_SCHEDULE',
    '1m,5m,15m,30m,1h,2h,4h',
    'How long to wait after each failed attempt; the last one is used again and again (RFC 5321 §4.5.4.1).',
  ),
  queueLifetime: setting.duration(
    'MAILWRIGHT_QUEUE_LIFETIME',
    '5d',
    'How long delivery is tried before the message bounces.',
  ),
  dane: setting.choice(
    'MAILWRIGHT_DANE',
    ['on', 'off'],
    'off',
    'DANE for outbound TLS (RFC 7672). Only with a resolver that validates DNSSEC and is reached over a path that nobody can tamper with.',
  ),
  publicUrl: setting.url(
    'MAILWRIGHT_PUBLIC_URL',
    ['http:', 'https:'],
    'Where people reach the HTTP listener from outside, for links in messages; made of host name and port if unset.',
  ),
  trustedSealers: setting.hostnames(
    'MAILWRIGHT_TRUSTED_ARC_SEALERS',
    'Forwarders whose ARC seal (RFC 8617) is believed: what they saw pass DMARC is not refused for failing it here.',
  ),
  dnsLists: setting.hostnames(
    'MAILWRIGHT_DNS_LISTS',
    'DNS lists of unwanted senders (RFC 5782) that inbound connections are looked up in.',
  ),
  rspamdUrl: setting
    .url(
      'MAILWRIGHT_RSPAMD_URL',
      ['http:', 'https:'],
      'An rspamd that is asked about every inbound message and taught by what people move; a password of its controller stands before the host, as in http://:password@127.0.0.1:11334.',
    )
    .secret(),
  acmeDirectoryUrl: setting.url(
    'MAILWRIGHT_ACME_DIRECTORY_URL',
    ['https:'],
    'An ACME authority (RFC 8555) that certificates are taken from, such as https://acme-v02.api.letsencrypt.org/directory. Setting it agrees to its terms.',
  ),
  acmeEmail: setting.optionalText('MAILWRIGHT_ACME_EMAIL', 'Where the authority may write to.'),
  acmeCaFile: setting.optionalText(
    'MAILWRIGHT_ACME_CA_FILE',
    'PEM file of the authority that signed the ACME server’s own certificate, for a private one.',
  ),
  httpChallengePort: setting.port(
    'MAILWRIGHT_HTTP_CHALLENGE_PORT',
    null,
    'A listener that only answers ACME challenges (HTTP-01) and sends everything else to MAILWRIGHT_PUBLIC_URL; usually 80.',
  ),
  bootstrapApiKey: setting
    .optionalText(
      'MAILWRIGHT_BOOTSTRAP_API_KEY',
      'The first admin API key; generated and printed once if unset.',
    )
    .secret(),
  bootstrapEmail: setting.optionalText('MAILWRIGHT_BOOTSTRAP_EMAIL', 'The first admin’s e-mail address.'),
  bootstrapPassword: setting
    .optionalText(
      'MAILWRIGHT_BOOTSTRAP_PASSWORD',
      'The first admin’s password; generated and printed once if unset.',
    )
    .secret(),
  masterKey: setting
    .optionalText(
      'MAILWRIGHT_MASTER_KEY',
      'Seals stored secrets: 32 bytes in base64 or hex. Several, separated by commas: the first seals, all open. A file in the data directory if unset.',
    )
    .secret(),
  tlsCertFile: setting.optionalText(
    'MAILWRIGHT_TLS_CERT_FILE',
    'PEM certificate chain; self-signed if unset.',
  ),
  tlsKeyFile: setting.optionalText('MAILWRIGHT_TLS_KEY_FILE', 'PEM private key of that certificate.'),
  messageBytesMax: setting.integer(
    'MAILWRIGHT_MESSAGE_BYTES_MAX',
    { default: 50 * 1024 ** 2, min: 64 * 1024, max: 1024 ** 3 },
    'Larger messages are refused (SMTP SIZE, IMAP APPENDLIMIT), in bytes.',
  ),
  quotaBytes: setting.limit(
    'MAILWRIGHT_QUOTA_BYTES',
    { default: 10 * 1024 ** 3, min: 0, max: 2 ** 50 },
    'What a mailbox may hold, in bytes, where neither it nor its workspace says otherwise.',
  ),
  quotaMessages: setting.limit(
    'MAILWRIGHT_QUOTA_MESSAGES',
    { default: null, min: 0, max: 2 ** 32 - 1 },
    'The same in messages.',
  ),
  trashDays: setting.limit(
    'MAILWRIGHT_TRASH_DAYS',
    { default: 30, min: 1, max: 3650 },
    'Days that a message stays in Trash, likewise.',
  ),
  junkDays: setting.limit(
    'MAILWRIGHT_JUNK_DAYS',
    { default: 30, min: 1, max: 3650 },
    'Days that a message stays in Junk, likewise.',
  ),
  restoreDays: setting.integer(
    'MAILWRIGHT_RESTORE_DAYS',
    { default: 14, min: 0, max: 365 },
    'Days that a removed message can be restored, likewise; 0: not at all.',
  ),
  pop3KeepDays: setting.limit(
    'MAILWRIGHT_POP3_KEEP_DAYS',
    { default: null, min: 0, max: 3650 },
    'Days after which messages that POP3 has retrieved are removed, likewise.',
  ),
  imapUnauthenticate: setting.choice(
    'MAILWRIGHT_IMAP_UNAUTHENTICATE',
    ['on', 'off'],
    'on',
    'Whether an IMAP connection may be used for another mailbox after the first (RFC 8437); off behind a proxy that logs in itself.',
  ),
  testClock: setting.flag('MAILWRIGHT_TEST_CLOCK', 'For tests: POST /v1/test/clock moves the time forward.'),
  logLevel: setting.choice('MAILWRIGHT_LOG_LEVEL', logLevels, 'info', 'The least level that is logged.'),
} as const

type ValueOf<S> = S extends Setting<infer T> ? T : never
export type Config = { readonly [K in keyof typeof configSchema]: ValueOf<(typeof configSchema)[K]> }

export type ConfigResult = { ok: true; config: Config } | { ok: false; problems: string[] }

/**
 * Reads the environment into a typed configuration.
 * @returns either the configuration, or one sentence for each variable that is unknown, bad or half set.
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): ConfigResult {
  const problems: string[] = []
  const known = new Set<string>()
  const read = <T>(one: Setting<T>): T => {
    known.add(one.variable)
    const raw = env[one.variable]
    if (raw === undefined || raw === '') return one.default
    const parsed = one.parse(raw)
    if (parsed.ok) return parsed.value
    problems.push(`${one.variable} ${parsed.problem}${one.isSecret ? '' : `, but it is "${raw}"`}.`)
    return one.default
  }
  const config: Config = {
    dataDir: resolve(read(configSchema.dataDir)),
    databaseUrl: read(configSchema.databaseUrl),
    host: read(configSchema.host),
    hostname: read(configSchema.hostname),
    httpPort: read(configSchema.httpPort),
    smtpPort: read(configSchema.smtpPort),
    submissionPort: read(configSchema.submissionPort),
    submissionsPort: read(configSchema.submissionsPort),
    lmtpPort: read(configSchema.lmtpPort),
    proxyProtocolFrom: read(configSchema.proxyProtocolFrom),
    imapPort: read(configSchema.imapPort),
    imapsPort: read(configSchema.imapsPort),
    pop3Port: read(configSchema.pop3Port),
    pop3sPort: read(configSchema.pop3sPort),
    dnsPort: read(configSchema.dnsPort),
    roles: read(configSchema.roles),
    resolver: read(configSchema.resolver),
    outboundPort: read(configSchema.outboundPort),
    relayUrl: read(configSchema.relayUrl),
    outboundNetworks: read(configSchema.outboundNetworks),
    outboundConnections: read(configSchema.outboundConnections),
    outboundConnectTimeout: read(configSchema.outboundConnectTimeout),
    retrySchedule: read(configSchema.retrySchedule),
    queueLifetime: read(configSchema.queueLifetime),
    dane: read(configSchema.dane),
    publicUrl: read(configSchema.publicUrl),
    trustedSealers: read(configSchema.trustedSealers),
    dnsLists: read(configSchema.dnsLists),
    rspamdUrl: read(configSchema.rspamdUrl),
    acmeDirectoryUrl: read(configSchema.acmeDirectoryUrl),
    acmeEmail: read(configSchema.acmeEmail),
    acmeCaFile: read(configSchema.acmeCaFile),
    httpChallengePort: read(configSchema.httpChallengePort),
    bootstrapApiKey: read(configSchema.bootstrapApiKey),
    bootstrapEmail: read(configSchema.bootstrapEmail),
    bootstrapPassword: read(configSchema.bootstrapPassword),
    masterKey: read(configSchema.masterKey),
    tlsCertFile: read(configSchema.tlsCertFile),
    tlsKeyFile: read(configSchema.tlsKeyFile),
    messageBytesMax: read(configSchema.messageBytesMax),
    quotaBytes: read(configSchema.quotaBytes),
    quotaMessages: read(configSchema.quotaMessages),
    trashDays: read(configSchema.trashDays),
    junkDays: read(configSchema.junkDays),
    restoreDays: read(configSchema.restoreDays),
    pop3KeepDays: read(configSchema.pop3KeepDays),
    imapUnauthenticate: read(configSchema.imapUnauthenticate),
    testClock: read(configSchema.testClock),
    logLevel: read(configSchema.logLevel),
  }
  problems.push(...unknownVariables(env, known), ...contradictions(config))
  return problems.length === 0 ? { ok: true, config } : { ok: false, problems }
}

function unknownVariables(
  env: Readonly<Record<string, string | undefined>>,
  known: ReadonlySet<string>,
): string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith('MAILWRIGHT_') && !known.has(name) && !testOnlyVariables.has(name))
    .map((name) => `${name} is not a variable that Mailwright knows; docs/configuration.md lists them.`)
}

// Read by the test suite itself, which may share its environment with the server that it starts.
const testOnlyVariables = new Set([
  'MAILWRIGHT_TEST_REQUIRE_PROGRAMS',
  'MAILWRIGHT_TEST_DATABASE_URL',
  'MAILWRIGHT_TEST_SERVER',
  'MAILWRIGHT_TEST_TEMPLATE',
])

function contradictions(config: Config): string[] {
  const problems: string[] = []
  if ((config.tlsCertFile === null) !== (config.tlsKeyFile === null)) {
    problems.push(
      'MAILWRIGHT_TLS_CERT_FILE and MAILWRIGHT_TLS_KEY_FILE belong together: set both or neither.',
    )
  }
  if (config.dane === 'on' && config.resolver === null) {
    problems.push('MAILWRIGHT_DANE needs MAILWRIGHT_RESOLVER: a resolver that validates DNSSEC.')
  }
  if (config.bootstrapApiKey !== null && !/^mw_[\w-]{8,200}$/.test(config.bootstrapApiKey)) {
    problems.push('MAILWRIGHT_BOOTSTRAP_API_KEY must be mw_ and at least 8 letters, digits, _ or -.')
  }
  if (config.bootstrapEmail !== null && !/^(?=.{3,254}$)[^\s@]+@[^\s@]+$/.test(config.bootstrapEmail)) {
    problems.push(
      `MAILWRIGHT_BOOTSTRAP_EMAIL must be as in ann@example.com, but it is "${config.bootstrapEmail}".`,
    )
  }
  if (config.bootstrapPassword !== null && !/^.{8,200}$/su.test(config.bootstrapPassword)) {
    problems.push('MAILWRIGHT_BOOTSTRAP_PASSWORD must have from 8 to 200 characters.')
  }
  if (config.masterKey !== null && !isMasterKey(config.masterKey)) {
    problems.push(
      'MAILWRIGHT_MASTER_KEY must be 32 bytes in base64 or hex, or several such, separated by commas.',
    )
  }
  return problems
}

function isMasterKey(text: string): boolean {
  try {
    createVault(text)
    return true
  } catch {
    return false
  }
}
