import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { SecureContext } from 'node:tls'
import { testConfig } from '../testing/test-platform.ts'
import { createSelfSignedCertificate } from './self-signed-certificate.ts'
import { loadTls, type TlsMaterial, type TlsStore } from './tls.ts'

const scratch = await mkdtemp(join(tmpdir(), 'mailwright-tls-'))
after(() => rm(scratch, { recursive: true, force: true }))
const certFile = join(scratch, 'cert.pem')
const keyFile = join(scratch, 'key.pem')
const configured = testConfig({
  MAILWRIGHT_DATA_DIR: scratch,
  MAILWRIGHT_TLS_CERT_FILE: certFile,
  MAILWRIGHT_TLS_KEY_FILE: keyFile,
})

function materialOf({ certPem, keyPem }: TlsMaterial): TlsMaterial {
  return { certPem, keyPem }
}

test('without files one is generated for the host name, and kept', async () => {
  const config = testConfig({ MAILWRIGHT_DATA_DIR: scratch, MAILWRIGHT_HOSTNAME: 'mail.example.test' })
  const made = await loadTls(config, new Date())
  assert.ok(new X509Certificate(made.certPem).checkHost('mail.example.test'))
  assert.deepEqual(materialOf(await loadTls(config, new Date())), materialOf(made))
})

test('the configured files are used as they are', async () => {
  const { certPem, keyPem } = await createSelfSignedCertificate({ hostname: 'mail.example.test', days: 10 })
  await writeFile(certFile, certPem)
  await writeFile(keyFile, keyPem)
  assert.deepEqual(materialOf(await loadTls(configured, new Date())), { certPem, keyPem })
})

test('a key of another certificate is refused, naming the file', async () => {
  const other = await createSelfSignedCertificate({ hostname: 'mail.example.test', days: 10 })
  await writeFile(keyFile, other.keyPem)
  await assert.rejects(loadTls(configured, new Date()), new RegExp(`${certFile}.*cannot be used`))
})

test('a file that is missing is refused, with the system’s reason', async () => {
  await rm(keyFile, { force: true })
  await assert.rejects(
    loadTls(configured, new Date()),
    ({ message, cause }: Error) =>
      /cannot be used/.test(message) && cause instanceof Error && /ENOENT/.test(cause.message),
  )
})

function choose(store: TlsStore, name: string): Promise<SecureContext | undefined> {
  return new Promise((resolve, reject) =>
    store.SNICallback(name, (error, context) => (error ? reject(error) : resolve(context))),
  )
}

test('by name: the exact one, then a wildcard, else the default; each is looked for once', async () => {
  const config = testConfig({ MAILWRIGHT_DATA_DIR: scratch })
  const made = await createSelfSignedCertificate({ hostname: 'a.example', days: 10 })
  const asked: string[] = []
  const store = await loadTls(config, new Date(), {
    find: async (names) => {
      asked.push(names.join())
      return names.includes('a.example') || names.includes('*.b.example') ? made : null
    },
  })
  const exact = await choose(store, 'A.Example.')
  const wild = await choose(store, 'x.b.example')
  assert.ok(exact && exact !== store.secureContext)
  assert.ok(wild && wild !== store.secureContext)
  assert.equal(await choose(store, 'a.example'), exact)
  for (const name of ['x.y.b.example', 'c.example', 'c.example', '', 'localhost', "x'y.example", 'a..b']) {
    assert.equal(await choose(store, name), store.secureContext, name)
  }
  assert.deepEqual(asked, [
    'localhost',
    'a.example,*.example',
    'x.b.example,*.b.example',
    'x.y.b.example,*.y.b.example',
    'c.example,*.example',
  ])
  await store.refresh()
  assert.notEqual(await choose(store, 'a.example'), exact)
})

test('a look-up that fails gives the default one, and is told', async () => {
  const config = testConfig({ MAILWRIGHT_DATA_DIR: scratch })
  const errors: unknown[] = []
  const store = await loadTls(config, new Date(), {
    find: async (names) => {
      if (names.includes('a.example')) throw new Error('no database')
      return null
    },
    onError: (error) => errors.push(error),
  })
  assert.equal(await choose(store, 'a.example'), store.secureContext)
  assert.match(String(errors), /no database/)
})

test('configured files that change are taken in; those that do not belong together are not', async () => {
  const pair = async (): Promise<TlsMaterial> =>
    await createSelfSignedCertificate({ hostname: 'mail.example.test', days: 10 })
  const write = async ({ certPem, keyPem }: TlsMaterial, at: number): Promise<void> => {
    await writeFile(certFile, certPem)
    await writeFile(keyFile, keyPem)
    await utimes(certFile, at, at)
    await utimes(keyFile, at, at)
  }
  const [first, second] = [await pair(), await pair()]
  await write(first, 1_000)
  const errors: unknown[] = []
  const store = await loadTls(configured, new Date(), { onError: (error) => errors.push(error) })
  let changes = 0
  store.onDefaultChanged(() => changes++)
  await store.refreshIfFilesChanged()
  assert.deepEqual([materialOf(store), changes], [first, 0])
  await write({ ...second, keyPem: first.keyPem }, 2_000)
  await store.refreshIfFilesChanged()
  assert.deepEqual([materialOf(store), changes], [first, 0])
  assert.match(String(errors), /cannot be used/)
  await write(second, 3_000)
  await store.refreshIfFilesChanged()
  assert.deepEqual([materialOf(store), changes], [second, 1])
})
