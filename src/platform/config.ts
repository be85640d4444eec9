/**
 * The configuration, by the schema of config-schema.ts.
 * It is read once, at the start, into a typed value; all problems are reported together; nothing
 * else in the program reads the environment.
 */
import { resolve } from 'node:path'
import { configSchema } from './config-schema.ts'
import type { Setting } from './config-settings.ts'
import { createVault } from './vault.ts'

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
    httpsPort: read(configSchema.httpsPort),
    smtpPort: read(configSchema.smtpPort),
    submissionPort: read(configSchema.submissionPort),
    submissionsPort: read(configSchema.submissionsPort),
    lmtpPort: read(configSchema.lmtpPort),
    dialectHosts: read(configSchema.dialectHosts),
    agentSignup: read(configSchema.agentSignup),
    proxyProtocolFrom: read(configSchema.proxyProtocolFrom),
    imapPort: read(configSchema.imapPort),
    imapsPort: read(configSchema.imapsPort),
    pop3Port: read(configSchema.pop3Port),
    pop3sPort: read(configSchema.pop3sPort),
    dnsPort: read(configSchema.dnsPort),
    dnsZone: read(configSchema.dnsZone),
    nameservers: read(configSchema.nameservers),
    publicAddresses: read(configSchema.publicAddresses),
    publicPorts: read(configSchema.publicPorts),
    authorityPort: read(configSchema.authorityPort),
    dnsHostNetworks: read(configSchema.dnsHostNetworks),
    sequencerNetworks: read(configSchema.sequencerNetworks),
    cloudflareApiUrl: read(configSchema.cloudflareApiUrl),
    googleApiUrl: read(configSchema.googleApiUrl),
    microsoftGraphUrl: read(configSchema.microsoftGraphUrl),
    microsoftLoginUrl: read(configSchema.microsoftLoginUrl),
    dnsChecksPerSecond: read(configSchema.dnsChecksPerSecond),
    registrars: read(configSchema.registrars),
    porkbunApiKey: read(configSchema.porkbunApiKey),
    porkbunSecretKey: read(configSchema.porkbunSecretKey),
    porkbunApiUrl: read(configSchema.porkbunApiUrl),
    namecomUsername: read(configSchema.namecomUsername),
    namecomToken: read(configSchema.namecomToken),
    namecomApiUrl: read(configSchema.namecomApiUrl),
    rdapBootstrapUrl: read(configSchema.rdapBootstrapUrl),
    domainsPerWorkspace: read(configSchema.domainsPerWorkspace),
    mailboxesPerDomain: read(configSchema.mailboxesPerDomain),
    mailboxesPerWorkspace: read(configSchema.mailboxesPerWorkspace),
    domainRestoreDays: read(configSchema.domainRestoreDays),
    renewDays: read(configSchema.renewDays),
    expiredDays: read(configSchema.expiredDays),
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
    importBytesMax: read(configSchema.importBytesMax),
    quotaBytes: read(configSchema.quotaBytes),
    quotaMessages: read(configSchema.quotaMessages),
    trashDays: read(configSchema.trashDays),
    junkDays: read(configSchema.junkDays),
    restoreDays: read(configSchema.restoreDays),
    pop3KeepDays: read(configSchema.pop3KeepDays),
    httpProxies: read(configSchema.httpProxies),
    auditDays: read(configSchema.auditDays),
    loginFailuresMax: read(configSchema.loginFailuresMax),
    loginLock: read(configSchema.loginLock),
    loginNetworkFailuresMax: read(configSchema.loginNetworkFailuresMax),
    loginTrustedNetworks: read(configSchema.loginTrustedNetworks),
    webhookNetworks: read(configSchema.webhookNetworks),
    webhooksPerWorkspace: read(configSchema.webhooksPerWorkspace),
    webhookRetrySchedule: read(configSchema.webhookRetrySchedule),
    webhookLifetime: read(configSchema.webhookLifetime),
    webhookPauseAfter: read(configSchema.webhookPauseAfter),
    webhookTimeout: read(configSchema.webhookTimeout),
    webhookConcurrency: read(configSchema.webhookConcurrency),
    webhookConnections: read(configSchema.webhookConnections),
    webhookLogDays: read(configSchema.webhookLogDays),
    billing: read(configSchema.billing),
    stripeSecretKey: read(configSchema.stripeSecretKey),
    stripeWebhookSecret: read(configSchema.stripeWebhookSecret),
    stripeUrl: read(configSchema.stripeUrl),
    paymentReturnUrl: read(configSchema.paymentReturnUrl),
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
  if ((config.porkbunApiKey === null) !== (config.porkbunSecretKey === null)) {
    problems.push(
      'MAILWRIGHT_PORKBUN_API_KEY and MAILWRIGHT_PORKBUN_SECRET_KEY belong together: set both or neither.',
    )
  }
  if ((config.namecomUsername === null) !== (config.namecomToken === null)) {
    problems.push(
      'MAILWRIGHT_NAMECOM_USERNAME and MAILWRIGHT_NAMECOM_TOKEN belong together: set both or neither.',
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
  problems.push(...stripeProblems(config))
  return problems
}

function stripeProblems({ stripeSecretKey: key, stripeWebhookSecret, stripeUrl }: Config): string[] {
  const problems: string[] = []
  if (key !== null && !/^[rs]k_(?:test|live)_\w+$/.test(key)) {
    problems.push('MAILWRIGHT_STRIPE_SECRET_KEY must begin with sk_test_, sk_live_, rk_test_ or rk_live_.')
  }
  if ((key === null) !== (stripeWebhookSecret === null)) {
    problems.push(
      'MAILWRIGHT_STRIPE_SECRET_KEY and MAILWRIGHT_STRIPE_WEBHOOK_SECRET belong together: set both or neither.',
    )
  }
  if (stripeWebhookSecret !== null && !/^whsec_\w+(?:,whsec_\w+)?$/.test(stripeWebhookSecret)) {
    problems.push(
      'MAILWRIGHT_STRIPE_WEBHOOK_SECRET must be whsec_ and more, or two such, separated by a comma.',
    )
  }
  if (stripeUrl !== null && key !== null && /^[rs]k_live_/.test(key)) {
    problems.push('MAILWRIGHT_STRIPE_URL is for tests: a live key is for Stripe alone.')
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
