import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { test } from 'node:test'
import { connect, createServer, type SecureVersion, type TLSSocket } from 'node:tls'
import { channelBindingsOf, serverEndPoint } from './channel-bindings.ts'
import { createSelfSignedCertificate } from './self-signed-certificate.ts'

/** Both ends of one connection. */
async function connected(version: SecureVersion) {
  await using stack = new AsyncDisposableStack()
  const { certPem: cert, keyPem: key } = await createSelfSignedCertificate({ hostname: 'localhost', days: 1 })
  const server = createServer({ cert, key, minVersion: 'TLSv1.2' })
  stack.defer(() => void server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  const accepted: Promise<TLSSocket[]> = once(server, 'secureConnection')
  const client = connect({
    port: address.port,
    host: '127.0.0.1',
    maxVersion: version,
    rejectUnauthorized: false,
  })
  await once(client, 'secureConnect')
  const [ours] = await accepted
  assert.ok(ours)
  stack.defer(() => {
    client.destroy()
    ours.destroy()
  })
  const running = stack.move()
  return { ours, client, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

test('TLS 1.3: both ends export the same, and every connection something else', async () => {
  await using one = await connected('TLSv1.3')
  await using two = await connected('TLSv1.3')
  const bindings = channelBindingsOf(one.ours)
  const known = one.client.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
  assert.deepEqual(bindings.get('tls-exporter'), known)
  assert.notDeepEqual(channelBindingsOf(two.ours).get('tls-exporter'), known)
})

test('TLS 1.2: the certificate only', async () => {
  await using one = await connected('TLSv1.2')
  const bindings = channelBindingsOf(one.ours)
  assert.deepEqual([...bindings.keys()], ['tls-server-end-point'])
  const seen = createHash('sha256').update(one.client.getPeerCertificate().raw).digest()
  assert.deepEqual(bindings.get('tls-server-end-point'), seen)
})

const algorithms: [name: string, hash: string | null][] = [
  ['ecdsa-with-SHA256', 'sha256'],
  ['ecdsa-with-SHA384', 'sha384'],
  ['sha256WithRSAEncryption', 'sha256'],
  ['sha512WithRSAEncryption', 'sha512'],
  ['RSA-SHA512', 'sha512'],
  ['sha1WithRSAEncryption', 'sha256'],
  ['md5WithRSAEncryption', 'sha256'],
  ['ecdsa-with-SHA1', 'sha256'],
  ['ED25519', null],
  ['rsassaPss', null],
]
for (const [signatureAlgorithm, hash] of algorithms) {
  test(`a certificate signed by ${signatureAlgorithm}: ${hash ?? 'not defined'}`, () => {
    const raw = Buffer.from('a certificate')
    const want = hash === null ? null : createHash(hash).update(raw).digest()
    assert.deepEqual(serverEndPoint({ raw, signatureAlgorithm }), want)
  })
}
