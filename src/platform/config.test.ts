import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from './config.ts'
import { configSchema } from './config-schema.ts'
import { newMasterKey } from './vault.ts'

function problemsOf(env: Record<string, string>): string[] {
  const result = loadConfig(env)
  return result.ok ? [] : result.problems
}

test('without any variable there are the defaults of DESIGN section 6', () => {
  const result = loadConfig({})
  assert.ok(result.ok)
  const { config } = result
  assert.equal(config.dataDir, resolve('./data'))
  assert.equal(config.databaseUrl, null)
  assert.equal(config.host, '127.0.0.1')
  assert.equal(config.hostname, 'localhost')
  assert.deepEqual(
    [config.httpPort, config.smtpPort, config.submissionPort, config.submissionsPort, config.imapPort],
    [8080, 2025, 2587, 2465, 2143],
  )
  assert.deepEqual(
    [config.imapsPort, config.pop3Port, config.pop3sPort, config.dnsPort],
    [2993, 2110, 2995, 2053],
  )
  assert.equal(config.outboundPort, 25)
  assert.deepEqual([...config.roles], ['http', 'smtp', 'imap', 'pop3', 'dns', 'worker'])
  assert.equal(config.testClock, false)
  assert.equal(config.logLevel, 'info')
})

test('an empty variable is an unset one', () => {
  const result = loadConfig({ MAILWRIGHT_HTTP_PORT: '', DATABASE_URL: '' })
  assert.ok(result.ok)
  assert.equal(result.config.httpPort, 8080)
  assert.equal(result.config.databaseUrl, null)
})

test('variables of other programs are none of ours', () => {
  assert.deepEqual(problemsOf({ PATH: '/bin', HTTP_PORT: 'x', mailwright_host: 'y' }), [])
})

const good: [variable: string, value: string, key: keyof typeof configSchema, want: unknown][] = [
  ['MAILWRIGHT_HTTP_PORT', '0', 'httpPort', 0],
  ['MAILWRIGHT_HTTP_PORT', '65535', 'httpPort', 65_535],
  ['MAILWRIGHT_HTTP_PORT', 'off', 'httpPort', null],
  ['MAILWRIGHT_DATA_DIR', '/var/lib/mailwright', 'dataDir', '/var/lib/mailwright'],
  ['MAILWRIGHT_HOST', '::', 'host', '::'],
  ['MAILWRIGHT_HOST', '0.0.0.0', 'host', '0.0.0.0'],
  ['MAILWRIGHT_HOST', 'localhost', 'host', 'localhost'],
  ['MAILWRIGHT_HOSTNAME', 'Mail.Example.COM', 'hostname', 'mail.example.com'],
  ['MAILWRIGHT_ROLES', 'http, worker', 'roles', new Set(['http', 'worker'])],
  ['MAILWRIGHT_RESOLVER', '127.0.0.1:53', 'resolver', '127.0.0.1:53'],
  ['MAILWRIGHT_RESOLVER', '[::1]:5353', 'resolver', '[::1]:5353'],
  ['MAILWRIGHT_OUTBOUND_PORT', '2525', 'outboundPort', 2525],
  [
    'MAILWRIGHT_RELAY_URL',
    'smtp://ann:secret@relay.test:587',
    'relayUrl',
    'smtp://ann:secret@relay.test:587',
  ],
  ['MAILWRIGHT_MESSAGE_BYTES_MAX', '65536', 'messageBytesMax', 65_536],
  ['MAILWRIGHT_QUOTA_BYTES', '0', 'quotaBytes', 0],
  ['MAILWRIGHT_QUOTA_BYTES', 'off', 'quotaBytes', null],
  ['MAILWRIGHT_QUOTA_MESSAGES', '500', 'quotaMessages', 500],
  ['MAILWRIGHT_TRASH_DAYS', '3650', 'trashDays', 3650],
  ['MAILWRIGHT_JUNK_DAYS', 'off', 'junkDays', null],
  ['MAILWRIGHT_RESTORE_DAYS', '0', 'restoreDays', 0],
  ['MAILWRIGHT_POP3_KEEP_DAYS', '0', 'pop3KeepDays', 0],
  [
    'MAILWRIGHT_PUBLIC_PORTS',
    'imaps=993, pop3=off',
    'publicPorts',
    new Map([
      ['imaps', 993],
      ['pop3', null],
    ]),
  ],
  [
    'MAILWRIGHT_DIALECT_HOSTS',
    'API.example.com=scaleway, inkbox.example.com=inkbox',
    'dialectHosts',
    new Map([
      ['api.example.com', 'scaleway'],
      ['inkbox.example.com', 'inkbox'],
    ]),
  ],
  ['MAILWRIGHT_TEST_CLOCK', '1', 'testClock', true],
  ['MAILWRIGHT_TEST_CLOCK', '0', 'testClock', false],
  ['MAILWRIGHT_LOG_LEVEL', 'silent', 'logLevel', 'silent'],
  ['MAILWRIGHT_BOOTSTRAP_EMAIL', 'Ann@example.com', 'bootstrapEmail', 'Ann@example.com'],
]
for (const [variable, value, key, want] of good) {
  test(`${variable}=${value}`, () => {
    const result = loadConfig({ [variable]: value })
    assert.ok(result.ok)
    assert.deepEqual(result.config[key], want)
  })
}

const databaseUrls = [
  'postgres://localhost/mailwright',
  'postgresql://ann:s%40cret@db.example.test:5432/mailwright',
  'postgresql://[::1]:5432/mailwright?sslmode=require',
  'postgresql:///mailwright?host=/var/run/postgresql',
  'postgresql://ann@/mailwright?host=/tmp/socket&port=5433',
]
for (const value of databaseUrls) {
  test(`DATABASE_URL=${value}`, () => {
    const result = loadConfig({ DATABASE_URL: value })
    assert.ok(result.ok)
    assert.equal(result.config.databaseUrl, value)
  })
}

const bad: [variable: string, value: string, sentence: RegExp][] = [
  ['DATABASE_URL', 'postgresql://localhost', /postgresql:\/\/user:password@host:5432\/database/],
  ['DATABASE_URL', 'postgresql://localhost/', /postgresql:/],
  ['DATABASE_URL', 'postgresql://localhost/?host=/tmp', /postgresql:/],
  ['DATABASE_URL', 'mysql://localhost/mailwright', /postgresql:/],
  ['DATABASE_URL', 'mailwright', /postgresql:/],
  ['MAILWRIGHT_HTTP_PORT', '65536', /port from 1 to 65535/],
  ['MAILWRIGHT_HTTP_PORT', '-1', /port from 1 to 65535/],
  ['MAILWRIGHT_HTTP_PORT', '80a', /port from 1 to 65535.*"80a"/],
  ['MAILWRIGHT_HTTP_PORT', ' 80', /port from 1 to 65535/],
  ['MAILWRIGHT_HTTP_PORT', '8.0', /port from 1 to 65535/],
  ['MAILWRIGHT_HTTP_PORT', 'OFF', /port from 1 to 65535/],
  ['MAILWRIGHT_PUBLIC_PORTS', 'imaps=0', /comma list as in imaps=993/],
  ['MAILWRIGHT_PUBLIC_PORTS', 'imaps=993,imaps=994', /comma list as in imaps=993/],
  ['MAILWRIGHT_PUBLIC_PORTS', 'https=443', /of imaps, imap, pop3s/],
  ['MAILWRIGHT_PUBLIC_PORTS', 'imaps:993', /comma list as in imaps=993/],
  ['MAILWRIGHT_DIALECT_HOSTS', 'api.example.com', /comma list as in api\.example\.com=scaleway/],
  ['MAILWRIGHT_DIALECT_HOSTS', 'api.example.com=other', /of scaleway, inkbox, inboxedup/],
  ['MAILWRIGHT_DIALECT_HOSTS', 'api.example.com:80=scaleway', /comma list/],
  ['MAILWRIGHT_DIALECT_HOSTS', 'a.example=scaleway,A.example=inkbox', /comma list/],
  ['MAILWRIGHT_OUTBOUND_PORT', '0', /whole number from 1 to 65535/],
  ['MAILWRIGHT_OUTBOUND_PORT', 'off', /whole number/],
  ['MAILWRIGHT_HOST', 'two words', /IP address or a host name/],
  ['MAILWRIGHT_HOSTNAME', 'mail_1.example', /host name/],
  ['MAILWRIGHT_HOSTNAME', '-a.example', /host name/],
  ['MAILWRIGHT_HOSTNAME', `${'a'.repeat(64)}.example`, /host name/],
  ['MAILWRIGHT_ROLES', 'http,web', /comma list of http, smtp/],
  ['MAILWRIGHT_ROLES', 'http,', /comma list/],
  ['MAILWRIGHT_RESOLVER', '127.0.0.1', /address and a port/],
  ['MAILWRIGHT_RESOLVER', 'localhost:53', /address and a port/],
  ['MAILWRIGHT_RESOLVER', '::1:53', /address and a port/],
  ['MAILWRIGHT_RESOLVER', '127.0.0.1:0', /address and a port/],
  ['MAILWRIGHT_RESOLVER', '127.0.0.1:65536', /address and a port/],
  ['MAILWRIGHT_RELAY_URL', 'http://relay.test', /smtp:\/\/ or smtps:\/\//],
  ['MAILWRIGHT_RELAY_URL', 'relay.test:587', /smtp:\/\//],
  ['MAILWRIGHT_MESSAGE_BYTES_MAX', '65535', /whole number from 65536 to 1073741824/],
  ['MAILWRIGHT_MESSAGE_BYTES_MAX', '50MB', /whole number/],
  ['MAILWRIGHT_TRASH_DAYS', '0', /whole number from 1 to 3650, or "off"/],
  ['MAILWRIGHT_TRASH_DAYS', 'never', /or "off"/],
  ['MAILWRIGHT_RESTORE_DAYS', 'off', /whole number from 0 to 365/],
  ['MAILWRIGHT_TEST_CLOCK', 'yes', /1 or 0/],
  ['MAILWRIGHT_LOG_LEVEL', 'loud', /one of trace, debug, info/],
  ['MAILWRIGHT_BOOTSTRAP_API_KEY', 'mw_short', /mw_ and at least 8/],
  ['MAILWRIGHT_BOOTSTRAP_API_KEY', 'sk_0123456789012345678901234', /mw_ and at least 8/],
  ['MAILWRIGHT_BOOTSTRAP_EMAIL', 'ann', /ann@example\.com/],
  ['MAILWRIGHT_BOOTSTRAP_PASSWORD', 'seven77', /from 8 to 200 characters/],
  ['MAILWRIGHT_BOOTSTRAP_PASSWORD', 'x'.repeat(201), /from 8 to 200 characters/],
  ['MAILWRIGHT_MASTER_KEY', 'c2hvcnQ=', /32 bytes in base64 or hex/],
  ['MAILWRIGHT_MASTER_KEY', `${newMasterKey()},c2hvcnQ=`, /32 bytes/],
  ['MAILWRIGHT_MASTER_KEY', ',', /32 bytes/],
  ['MAILWRIGHT_TLS_CERT_FILE', '/etc/cert.pem', /belong together/],
  ['MAILWRIGHT_TLS_KEY_FILE', '/etc/key.pem', /belong together/],
  ['MAILWRIGHT_HTTP_PROT', '80', /MAILWRIGHT_HTTP_PROT is not a variable/],
  ['MAILWRIGHT_', '1', /is not a variable/],
]
for (const [variable, value, sentence] of bad) {
  test(`${variable}=${value.slice(0, 40)} is refused with one sentence`, () => {
    const problems = problemsOf({ [variable]: value })
    assert.equal(problems.length, 1, problems.join('\n'))
    const [problem = ''] = problems
    assert.match(problem, sentence)
    assert.match(problem, new RegExp(variable))
    assert.match(problem, /[^.]\.$/)
    assert.doesNotMatch(problem, /\n/)
  })
}

test('all problems are told together', () => {
  const problems = problemsOf({
    DATABASE_URL: 'x',
    MAILWRIGHT_HTTP_PORT: 'x',
    MAILWRIGHT_NOTHING: 'x',
    MAILWRIGHT_TLS_KEY_FILE: 'x',
  })
  assert.equal(problems.length, 4)
})

test('no sentence repeats a secret', () => {
  const secrets = Object.values(configSchema).filter((one) => one.isSecret)
  assert.deepEqual(
    secrets.map((one) => one.variable),
    [
      'DATABASE_URL',
      'MAILWRIGHT_PORKBUN_API_KEY',
      'MAILWRIGHT_PORKBUN_SECRET_KEY',
      'MAILWRIGHT_NAMECOM_TOKEN',
      'MAILWRIGHT_RELAY_URL',
      'MAILWRIGHT_RSPAMD_URL',
      'MAILWRIGHT_BOOTSTRAP_API_KEY',
      'MAILWRIGHT_BOOTSTRAP_PASSWORD',
      'MAILWRIGHT_MASTER_KEY',
      'MAILWRIGHT_STRIPE_SECRET_KEY',
      'MAILWRIGHT_STRIPE_WEBHOOK_SECRET',
    ],
  )
  for (const { variable } of secrets) {
    const [problem = ''] = problemsOf({ [variable]: 'hunter2' })
    assert.notEqual(problem, '', variable)
    assert.doesNotMatch(problem, /hunter2/)
  }
})

test('each variable occurs once, and each setting is read', () => {
  const variables = Object.values(configSchema).map((one) => one.variable)
  assert.equal(new Set(variables).size, variables.length)
  const result = loadConfig({})
  assert.ok(result.ok)
  assert.deepEqual(Object.keys(result.config).sort(), Object.keys(configSchema).sort())
})
