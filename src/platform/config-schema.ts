/** The configuration's schema: every variable with its name, type, default and meaning. */

import { billingSettings } from './config-billing.ts'
import { setting } from './config-settings.ts'
import { webhookSettings } from './config-webhooks.ts'
import { dialectNames } from './dialect-names.ts'

export const roles = ['http', 'smtp', 'imap', 'pop3', 'dns', 'worker'] as const

export const clientListeners = ['imaps', 'imap', 'pop3s', 'pop3', 'submissions', 'submission'] as const

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
  httpsPort: setting.port(
    'MAILWRIGHT_HTTPS_PORT',
    null,
    'The API and the web names of domains (MTA-STS, autoconfig, redirects) over TLS; usually 443 (docs/web.md).',
  ),
  smtpPort: setting.port('MAILWRIGHT_SMTP_PORT', 2025, 'MX: where other mail servers deliver.'),
  submissionPort: setting.port('MAILWRIGHT_SUBMISSION_PORT', 2587, 'Submission with STARTTLS (RFC 6409).'),
  submissionsPort: setting.port('MAILWRIGHT_SUBMISSIONS_PORT', 2465, 'Submission over TLS (RFC 8314).'),
  lmtpPort: setting.port(
    'MAILWRIGHT_LMTP_PORT',
    null,
    'LMTP (RFC 2033), for a mail server that stands in front of this one.',
  ),
  httpProxies: setting.networks(
    'MAILWRIGHT_HTTP_PROXIES',
    'Reverse proxies in front of the API: what X-Forwarded-For and X-Forwarded-Proto of theirs say of the client is believed. Without it all clients behind one have its address, for the limits of logins as well.',
  ),
  dialectHosts: setting.namesByHost(
    'MAILWRIGHT_DIALECT_HOSTS',
    dialectNames,
    'Host names under which a dialect (docs/dialects/) is reached without its prefix, as its vendor’s clients expect.',
  ),
  agentSignup: setting.choice(
    'MAILWRIGHT_AGENT_SIGNUP',
    ['on', 'off'],
    'off',
    'Whether agents may sign up by themselves for an address in the shared domain (docs/agent-signup.md).',
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
    'DNS over UDP and TCP: the name server of served domains and of MAILWRIGHT_DNS_ZONE.',
  ),
  dnsZone: setting.optionalHostname(
    'MAILWRIGHT_DNS_ZONE',
    'A zone that is delegated to this platform. The names of its name servers live in it, and the DKIM keys of domains whose DNS is elsewhere.',
  ),
  nameservers: setting.hostnames(
    'MAILWRIGHT_NAMESERVERS',
    'The names of this platform’s name servers, as customers set them at their registrar. If unset, each workspace has a pair of its own in MAILWRIGHT_DNS_ZONE.',
  ),
  publicAddresses: setting.addresses(
    'MAILWRIGHT_PUBLIC_ADDRESSES',
    'The addresses at which this platform is reached from the internet: what the names of MAILWRIGHT_DNS_ZONE and the web names of served domains lead to.',
  ),
  publicPorts: setting.portsByName(
    'MAILWRIGHT_PUBLIC_PORTS',
    clientListeners,
    'The ports that mail clients are told (credentials, autoconfig), where those of the outside are forwarded to the listeners; the listeners’ own if unset.',
  ),
  authorityPort: setting.integer(
    'MAILWRIGHT_AUTHORITY_PORT',
    { default: 53, min: 1, max: 65_535 },
    'Port at which the name servers of other domains are asked.',
  ),
  dnsHostNetworks: setting.networks(
    'MAILWRIGHT_DNS_HOST_NETWORKS',
    'Private networks in which DNS hosts that workspaces connect (PowerDNS) may be; with MAILWRIGHT_OUTBOUND_NETWORKS=any all are allowed.',
  ),
  sequencerNetworks: setting.networks(
    'MAILWRIGHT_SEQUENCER_NETWORKS',
    'Private networks in which sequencers that workspaces connect by an address of their own may be; with MAILWRIGHT_OUTBOUND_NETWORKS=any all are allowed.',
  ),
  cloudflareApiUrl: setting.url(
    'MAILWRIGHT_CLOUDFLARE_API_URL',
    ['http:', 'https:'],
    'For tests: where Cloudflare’s API is, in place of its own address.',
  ),
  googleApiUrl: setting.url(
    'MAILWRIGHT_GOOGLE_API_URL',
    ['http:', 'https:'],
    'For tests: where Google’s APIs and its token endpoint are, in place of their own addresses.',
  ),
  microsoftGraphUrl: setting.url(
    'MAILWRIGHT_MICROSOFT_GRAPH_URL',
    ['http:', 'https:'],
    'For tests: where Microsoft Graph is, in place of its own address.',
  ),
  microsoftLoginUrl: setting.url(
    'MAILWRIGHT_MICROSOFT_LOGIN_URL',
    ['http:', 'https:'],
    'For tests: where Microsoft’s token endpoints are, in place of their own address.',
  ),
  dnsChecksPerSecond: setting.integer(
    'MAILWRIGHT_DNS_CHECKS_PER_SECOND',
    { default: 200, min: 1, max: 10_000 },
    'Questions a second that the regular checks of all domains may ask.',
  ),
  registrars: setting.registrars(
    'MAILWRIGHT_REGISTRARS',
    ['porkbun', 'namecom'],
    'Which registrars are asked for names, in this order; `namecom:de` only for one suffix, which then has no other.',
  ),
  porkbunApiKey: setting
    .optionalText(
      'MAILWRIGHT_PORKBUN_API_KEY',
      'The operator’s account at Porkbun that domains are bought with.',
    )
    .secret(),
  porkbunSecretKey: setting.optionalText('MAILWRIGHT_PORKBUN_SECRET_KEY', 'Its second key.').secret(),
  porkbunApiUrl: setting.url(
    'MAILWRIGHT_PORKBUN_API_URL',
    ['https:', 'http:'],
    'Another address of its API.',
  ),
  namecomUsername: setting.optionalText(
    'MAILWRIGHT_NAMECOM_USERNAME',
    'The operator’s account at Name.com that domains are bought with.',
  ),
  namecomToken: setting.optionalText('MAILWRIGHT_NAMECOM_TOKEN', 'Its API token.').secret(),
  namecomApiUrl: setting.url(
    'MAILWRIGHT_NAMECOM_API_URL',
    ['https:', 'http:'],
    'Another address of its API, such as that of its sandbox.',
  ),
  rdapBootstrapUrl: setting.url(
    'MAILWRIGHT_RDAP_BOOTSTRAP_URL',
    ['https:', 'http:'],
    'Where the list of RDAP servers is read once a day (RFC 9224), such as https://data.iana.org/rdap/dns.json; if unset, the list that comes with the program is used.',
  ),
  domainsPerWorkspace: setting.limit(
    'MAILWRIGHT_DOMAINS_PER_WORKSPACE',
    { default: 10_000, min: 1, max: 10_000_000 },
    'Domains that a workspace may have, those that can be restored included.',
  ),
  mailboxesPerDomain: setting.limit(
    'MAILWRIGHT_MAILBOXES_PER_DOMAIN',
    { default: null, min: 0, max: 10_000_000 },
    'Mailboxes that a domain may have, where the operator has set no other limit (docs/batches.md).',
  ),
  mailboxesPerWorkspace: setting.limit(
    'MAILWRIGHT_MAILBOXES_PER_WORKSPACE',
    { default: null, min: 0, max: 10_000_000 },
    'The same for a workspace.',
  ),
  domainRestoreDays: setting.integer(
    'MAILWRIGHT_DOMAIN_RESTORE_DAYS',
    { default: 30, min: 1, max: 365 },
    'Days that a deleted domain can be restored.',
  ),
  renewDays: setting.integer(
    'MAILWRIGHT_RENEW_DAYS',
    { default: 30, min: 1, max: 180 },
    'Days before its end that a registration is renewed by itself.',
  ),
  expiredDays: setting.integer(
    'MAILWRIGHT_EXPIRED_DAYS',
    { default: 30, min: 0, max: 90 },
    'Days after its end that a registration can still be renewed.',
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
    'Where mail may be delivered: with `public`, an MX that points into a loopback or private network is refused, and so is the URL of a picture.',
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
    'The web names of domains and ACME challenges (HTTP-01) without TLS; everything else is sent to MAILWRIGHT_PUBLIC_URL. Usually 80 (docs/web.md).',
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
  importBytesMax: setting.integer(
    'MAILWRIGHT_IMPORT_BYTES_MAX',
    { default: 1024 ** 3, min: 64 * 1024, max: 100 * 1024 ** 3 },
    'Larger files are refused by POST /v1/mailboxes/{mailbox}/imports, in bytes. They wait in the database.',
  ),
  importMessagesMax: setting.integer(
    'MAILWRIGHT_IMPORT_MESSAGES_MAX',
    { default: 100_000, min: 1, max: 100_000_000 },
    'Messages of one such file. With more of them the import ends, and those before are in.',
  ),
  importEntriesMax: setting.integer(
    'MAILWRIGHT_IMPORT_ENTRIES_MAX',
    { default: 65_000, min: 1, max: 100_000_000 },
    'Entries of a ZIP archive. One with more is not begun.',
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
  auditDays: setting.integer(
    'MAILWRIGHT_AUDIT_DAYS',
    { default: 365, min: 1, max: 3650 },
    'Days that the audit log is kept.',
  ),
  loginFailuresMax: setting.integer(
    'MAILWRIGHT_LOGIN_FAILURES_MAX',
    { default: 10, min: 3, max: 1000 },
    'Wrong passwords for one address from one network (IPv4 address, IPv6 /64), after which that network is not let in to it for a time.',
  ),
  loginLock: setting.duration(
    'MAILWRIGHT_LOGIN_LOCK',
    '15m',
    'How long that time is; each wrong password after it doubles it, up to 32 times.',
  ),
  loginNetworkFailuresMax: setting.integer(
    'MAILWRIGHT_LOGIN_NETWORK_FAILURES_MAX',
    { default: 100, min: 3, max: 1_000_000 },
    'Wrong passwords from one network for whatever addresses, after which it is not let in at all for the same time; ten times as many from the /24 or /48 around it.',
  ),
  loginTrustedNetworks: setting.networks(
    'MAILWRIGHT_LOGIN_TRUSTED_NETWORKS',
    'Networks beside loopback that are not locked as a whole, because many people come from them: a webmail server, a proxy.',
  ),
  ...webhookSettings,
  ...billingSettings,
  imapUnauthenticate: setting.choice(
    'MAILWRIGHT_IMAP_UNAUTHENTICATE',
    ['on', 'off'],
    'on',
    'Whether an IMAP connection may be used for another mailbox after the first (RFC 8437); off behind a proxy that logs in itself.',
  ),
  testClock: setting.flag('MAILWRIGHT_TEST_CLOCK', 'For tests: POST /v1/test/clock moves the time forward.'),
  logLevel: setting.choice('MAILWRIGHT_LOG_LEVEL', logLevels, 'info', 'The least level that is logged.'),
} as const
