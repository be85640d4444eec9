import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { checkServerIdentity, connect, createServer, type TLSSocket } from 'node:tls'
import { createSelfSignedCertificate, loadOrCreateCertificate } from './self-signed-certificate.ts'

const scratch = await mkdtemp(join(tmpdir(), 'mailwright-tls-'))
after(() => rm(scratch, { recursive: true, force: true }))
const dayMs = 24 * 60 * 60 * 1000

test('a TLS client that trusts the certificate accepts it for each of its names', async () => {
  const { keyPem, certPem } = await createSelfSignedCertificate({ hostname: 'mail.example.test', days: 10 })
  const server = createServer({ key: keyPem, cert: certPem }, (socket) => socket.end())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  try {
    for (const [host, accepted] of [
      ['mail.example.test', true],
      ['localhost', true],
      ['127.0.0.1', true],
      ['::1', true],
      ['other.example.test', false],
    ] as const) {
      const socket: TLSSocket = connect({
        port: address.port,
        host: '127.0.0.1',
        servername: '',
        ca: certPem,
        checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate),
      })
      assert.equal(await isAccepted(socket), accepted, host)
      socket.destroy()
    }
  } finally {
    server.close()
  }
})

test('the certificate is an ECDSA P-256 leaf that lives as long as it was asked to', async () => {
  const now = new Date('2030-01-01T00:00:00Z')
  const { certPem } = await createSelfSignedCertificate({ hostname: '192.0.2.7', days: 10, now })
  const certificate = new X509Certificate(certPem)
  assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1')
  assert.equal(certificate.ca, false)
  assert.equal(certificate.checkIP('192.0.2.7'), '192.0.2.7')
  assert.equal(certificate.validToDate.getTime(), now.getTime() + 10 * dayMs)
  assert.ok(certificate.verify(certificate.publicKey), 'signed by itself')
  assert.notEqual(
    certificate.serialNumber,
    new X509Certificate((await createSelfSignedCertificate({ hostname: 'a.test', days: 1 })).certPem)
      .serialNumber,
  )
})

for (const [hostname, subjectAltName] of [
  [
    'mail.example.test',
    'DNS:mail.example.test, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
  ],
  ['localhost', 'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1'],
  [
    '2001:db8::192.0.2.1',
    'IP Address:2001:DB8:0:0:0:0:C000:201, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
  ],
  ['bücher.test', 'DNS:xn--bcher-kva.test, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1'],
  [`${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.test`, /^DNS:a{60}\.b{60}\.c{60}\.test, /],
] as const) {
  test(`names in the certificate of ${hostname}`, async () => {
    // 2050 and later is written in another time format.
    const { certPem } = await createSelfSignedCertificate({
      hostname,
      days: 365 * 30,
      now: new Date('2030-01-01'),
    })
    const certificate = new X509Certificate(certPem)
    if (typeof subjectAltName === 'string') assert.equal(certificate.subjectAltName, subjectAltName)
    else assert.match(certificate.subjectAltName ?? '', subjectAltName)
    assert.equal(certificate.validToDate.getUTCFullYear(), 2059)
  })
}

test('the stored certificate is kept, and renewed when due, renamed or damaged', async () => {
  const directory = join(scratch, 'data', 'tls')
  const now = new Date('2030-01-01T00:00:00Z')
  const load = (hostname: string, days: number) =>
    loadOrCreateCertificate({ directory, hostname, now: new Date(now.getTime() + days * dayMs) })

  const first = await load('mail.example.test', 0)
  assert.equal((await stat(join(directory, 'self-signed.key.pem'))).mode & 0o777, 0o600)
  assert.deepEqual(await load('mail.example.test', 366), first, '31 days before its end')
  const renewed = await load('mail.example.test', 367)
  assert.notEqual(renewed.certPem, first.certPem, '30 days before its end')
  const renamed = await load('mx.example.test', 367)
  assert.equal(new X509Certificate(renamed.certPem).checkHost('mx.example.test'), 'mx.example.test')
  assert.deepEqual(await load('mx.example.test', 367), renamed)

  const idn = await load('bücher.test', 367)
  assert.deepEqual(await load('bücher.test', 367), idn)
  await load('mx.example.test', 367)

  await writeFile(join(directory, 'self-signed.key.pem'), first.keyPem)
  const rematched = await load('mx.example.test', 367)
  assert.notEqual(rematched.certPem, renamed.certPem, 'key and certificate did not belong together')
  await writeFile(join(directory, 'self-signed.cert.pem'), 'not a certificate')
  assert.match((await load('mx.example.test', 367)).certPem, /BEGIN CERTIFICATE/)
})

function isAccepted(socket: TLSSocket): Promise<boolean> {
  return new Promise((resolve) => {
    socket.once('secureConnect', () => resolve(true))
    socket.once('error', () => resolve(false))
  })
}
