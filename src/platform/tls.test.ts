import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { testConfig } from '../testing/test-platform.ts'
import { createSelfSignedCertificate } from './self-signed-certificate.ts'
import { loadTls } from './tls.ts'

const scratch = await mkdtemp(join(tmpdir(), 'mailwright-tls-'))
after(() => rm(scratch, { recursive: true, force: true }))
const certFile = join(scratch, 'cert.pem')
const keyFile = join(scratch, 'key.pem')
const configured = testConfig({
  MAILWRIGHT_DATA_DIR: scratch,
  MAILWRIGHT_TLS_CERT_FILE: certFile,
  MAILWRIGHT_TLS_KEY_FILE: keyFile,
})

test('without files one is generated for the host name, and kept', async () => {
  const config = testConfig({ MAILWRIGHT_DATA_DIR: scratch, MAILWRIGHT_HOSTNAME: 'mail.example.test' })
  const made = await loadTls(config, new Date())
  assert.ok(new X509Certificate(made.certPem).checkHost('mail.example.test'))
  assert.deepEqual(await loadTls(config, new Date()), made)
})

test('the configured files are used as they are', async () => {
  const { certPem, keyPem } = await createSelfSignedCertificate({ hostname: 'mail.example.test', days: 10 })
  await writeFile(certFile, certPem)
  await writeFile(keyFile, keyPem)
  assert.deepEqual(await loadTls(configured, new Date()), { certPem, keyPem })
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
