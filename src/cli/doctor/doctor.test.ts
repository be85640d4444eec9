/** The doctor, with a resolver and listeners of this machine. */
import assert from 'node:assert/strict'
import { chmod, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { loadConfig } from '../../platform/config.ts'
import { createSelfSignedCertificate } from '../../platform/self-signed-certificate.ts'
import { temporaryDirectory } from '../../testing/test-database.ts'
import { startTestDns, type TestDns } from '../../testing/test-dns.ts'
import { startTestPlatform, type TestPlatform } from '../../testing/test-platform.ts'
import { doctor } from './doctor.ts'
import { checkCertificate } from './file-checks.ts'

const stack = new AsyncDisposableStack()
let t: TestPlatform
let dns: TestDns
let mx: Server
let mxPort: number
before(async () => {
  t = stack.use(await startTestPlatform())
  dns = stack.use(await startTestDns())
  mx = createServer((socket) => {
    socket.on('error', () => undefined) // the doctor leaves as soon as it is connected
    socket.end('220 mx.example\r\n')
  })
  await new Promise<void>((resolve) => mx.listen(0, '127.0.0.1', resolve))
  mxPort = (mx.address() as AddressInfo).port
  stack.defer(() => new Promise<void>((resolve) => mx.close(() => resolve())))
  dns.zone = {
    'gmail.com': {
      MX: [
        [20, 'other.example'],
        [10, 'mx.example'],
      ],
    },
    'mx.example': { A: ['127.0.0.1'] },
    'mail.example.org': { A: ['192.0.2.7'] },
    '7.2.0.192.in-addr.arpa': { PTR: ['mail.example.org'] },
    'odd.example.org': { A: ['192.0.2.8'] },
    '8.2.0.192.in-addr.arpa': { PTR: ['host8.provider.example'] },
  }
})
after(() => stack.disposeAsync())

/** What a machine that is well has; the database is that of the platform under test. */
function environment(more: Record<string, string> = {}): Record<string, string> {
  const off = ['HTTP', 'SMTP', 'SUBMISSION', 'SUBMISSIONS', 'IMAP', 'IMAPS', 'POP3', 'POP3S', 'DNS'].map(
    (name) => [`MAILWRIGHT_${name}_PORT`, 'off'],
  )
  return {
    ...Object.fromEntries(off),
    MAILWRIGHT_DATA_DIR: t.config.dataDir,
    DATABASE_URL: t.config.databaseUrl ?? '',
    MAILWRIGHT_RESOLVER: dns.resolver,
    MAILWRIGHT_OUTBOUND_PORT: String(mxPort),
    MAILWRIGHT_HOSTNAME: 'mail.example.org',
    ...more,
  }
}

/** @returns the exit code, and the lines by what they are about. */
async function run(more: Record<string, string> = {}): Promise<{ code: number; lines: string[] }> {
  let text = ''
  const code = await doctor(loadConfig(environment(more)), (part) => {
    text += part
  })
  return { code, lines: text.trimEnd().split('\n') }
}

function lineOf(lines: readonly string[], subject: string): string {
  return lines.filter((line) => line.slice(6).startsWith(subject)).join('\n')
}

test('where all is well it says so of everything, in a line each', async () => {
  const { code, lines } = await run()
  assert.equal(code, 0, lines.join('\n'))
  assert.equal(lines.at(-1), 'Nothing is in the way.')
  for (const [subject, expected] of [
    ['configuration', /^ok /],
    ['data directory', /^ok .* is ours alone to write to$/],
    ['database', /^ok .* answers and is up to date$/],
    ['master key', /^ok .*master\.key opens what is sealed$/],
    ['clock', /^(ok|warn) /],
    ['DNS resolver', /^ok .* answers$/],
    ['host name', /^ok .*mail\.example\.org is 192\.0\.2\.7, and the other way round$/],
    ['certificate', /^warn .*self-signed/],
    [`port ${mxPort} out`, /^ok .*127\.0\.0\.1 answers: mail can leave$/],
  ] as const) {
    assert.match(lineOf(lines, subject), expected)
  }
})

const troubles: [
  what: string,
  subject: string,
  environment: () => Promise<Record<string, string>> | Record<string, string>,
  expected: RegExp,
][] = [
  [
    'an unknown variable',
    'configuration',
    () => ({ MAILWRIGHT_NONE: '1' }),
    /^FAIL .*MAILWRIGHT_NONE is not a variable/,
  ],
  [
    'a data directory that is a file',
    'data directory',
    () => ({ MAILWRIGHT_DATA_DIR: import.meta.filename }),
    /^FAIL .*is not a directory/,
  ],
  [
    'a database that is not there',
    'database',
    () => ({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }),
    /^FAIL .*cannot be reached .*DATABASE_URL/,
  ],
  [
    'another master key',
    'master key',
    () => ({ MAILWRIGHT_MASTER_KEY: 'ab'.repeat(32) }),
    /^FAIL .*sealed under the key \w+, which MAILWRIGHT_MASTER_KEY does not have/,
  ],
  [
    'a port that is taken',
    'ports',
    () => ({ MAILWRIGHT_IMAP_PORT: String(mxPort) }),
    /^FAIL .*imap: 127\.0\.0\.1:\d+ is taken by another process/,
  ],
  [
    'a port of the name server that is taken',
    'ports',
    () => ({ MAILWRIGHT_DNS_PORT: String(mxPort) }),
    /^FAIL .*dns: 127\.0\.0\.1:\d+ is taken by another process/,
  ],
  [
    'a host name without an address',
    'host name',
    () => ({ MAILWRIGHT_HOSTNAME: 'none.example.org' }),
    /^FAIL .*has no address in DNS; add/,
  ],
  [
    'a host name whose address has another name',
    'host name',
    () => ({ MAILWRIGHT_HOSTNAME: 'odd.example.org' }),
    /^warn .*which is host8\.provider\.example in reverse DNS; ask/,
  ],
  [
    'no host name',
    'host name',
    () => ({ MAILWRIGHT_HOSTNAME: 'localhost' }),
    /^warn .*set MAILWRIGHT_HOSTNAME/,
  ],
  [
    'a resolver that is not there',
    'DNS resolver',
    () => ({ MAILWRIGHT_RESOLVER: '127.0.0.1:1' }),
    /^FAIL .*127\.0\.0\.1:1 does not answer/,
  ],
  [
    'port 25 blocked',
    'port 1 out',
    () => ({ MAILWRIGHT_OUTBOUND_PORT: '1' }),
    /^FAIL .*blocked: none of 127\.0\.0\.1:1 can be reached; ask your provider.*MAILWRIGHT_RELAY_URL/,
  ],
  [
    'a relay that is not there',
    'relay',
    () => ({ MAILWRIGHT_RELAY_URL: 'smtp://u:secret@127.0.0.1:1' }),
    /^FAIL .*127\.0\.0\.1:1 cannot be reached/,
  ],
  [
    'a certificate of another host',
    'certificate',
    () => certificate('other.example.org'),
    /^FAIL .*is not for mail\.example\.org/,
  ],
]
for (const [what, subject, broken, expected] of troubles) {
  test(`says what to do about ${what}`, async () => {
    const { code, lines } = await run(await broken())
    assert.match(lineOf(lines, subject), expected)
    assert.equal(code, expected.source.startsWith('^FAIL') ? 1 : 0)
    assert.doesNotMatch(lines.join('\n'), /secret/)
  })
}

async function certificate(hostname: string, days = 100): Promise<Record<string, string>> {
  const directory = await temporaryDirectory(stack)
  const { certPem, keyPem } = await createSelfSignedCertificate({ hostname, days })
  const [certFile, keyFile] = [join(directory, 'cert.pem'), join(directory, 'key.pem')]
  await writeFile(certFile, certPem)
  await writeFile(keyFile, keyPem)
  return { MAILWRIGHT_TLS_CERT_FILE: certFile, MAILWRIGHT_TLS_KEY_FILE: keyFile }
}

test('a certificate before, near and after its end', async () => {
  const loaded = loadConfig(environment(await certificate('mail.example.org', 20)))
  assert.ok(loaded.ok)
  const after = async (days: number): Promise<string> => {
    const [finding] = await checkCertificate(loaded.config, new Date(Date.now() + days * 86_400_000))
    return `${finding?.status} ${finding?.text}`
  }
  assert.match(await after(1), /^warn valid until .* self-signed/)
  assert.match(await after(10), /^warn .* ends on .*; renew it soon$/)
  assert.match(await after(21), /^FAIL .* ended on .*; renew it$/)
  assert.match(await after(-5), /^FAIL .* not valid yet/)
})

test('rights that are too wide are a warning with the command that narrows them', async () => {
  const keyFile = join(t.config.dataDir, 'master.key')
  await chmod(keyFile, 0o644)
  await chmod(t.config.dataDir, 0o777)
  const { code, lines } = await run()
  assert.match(lineOf(lines, 'master key'), /^warn .*chmod 600 /)
  assert.match(lineOf(lines, 'data directory'), /^warn .*chmod go-w /)
  assert.equal(code, 0)
  await chmod(keyFile, 0o600)
  await chmod(t.config.dataDir, 0o700)
})
