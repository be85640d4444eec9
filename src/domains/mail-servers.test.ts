import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noListeners } from '../platform/endpoints.ts'
import { testConfig } from '../testing/test-platform.ts'
import { mailServers } from './mail-servers.ts'

const ports = { ...noListeners(), imap: 2143, imaps: 2993, submission: 2587, submissions: 2465, pop3s: 2995 }
const certificate = { MAILWRIGHT_TLS_CERT_FILE: 'cert.pem', MAILWRIGHT_TLS_KEY_FILE: 'key.pem' }
const acme = {
  MAILWRIGHT_HOSTNAME: 'mx.platform.example',
  MAILWRIGHT_ACME_DIRECTORY_URL: 'https://acme.example/directory',
}

const rows: [what: string, environment: Record<string, string>, want: string][] = [
  [
    'the generated certificate',
    {},
    'imap starttls 2143, tls 2993; pop3 tls 2995; submission starttls 2587, tls 2465',
  ],
  [
    'files of a real one',
    certificate,
    'imap tls 2993, starttls 2143; pop3 tls 2995; submission tls 2465, starttls 2587',
  ],
  ['an authority', acme, 'imap tls 2993, starttls 2143; pop3 tls 2995; submission tls 2465, starttls 2587'],
  [
    'ports of the outside',
    { ...certificate, MAILWRIGHT_PUBLIC_PORTS: 'imaps=993, submissions=465,submission=587, pop3=110' },
    'imap tls 993, starttls 2143; pop3 tls 2995, starttls 110; submission tls 465, starttls 587',
  ],
  [
    'what is not for the outside',
    { ...certificate, MAILWRIGHT_PUBLIC_PORTS: 'imap=off,pop3s=off,pop3=off,submission=off' },
    'imap tls 2993; pop3 ; submission tls 2465',
  ],
]
for (const [what, environment, want] of rows) {
  test(`servers that clients are told: ${what}`, () => {
    const found = mailServers({ config: testConfig(environment), ports })
    const text = Object.entries(found).map(
      ([protocol, servers]) =>
        `${protocol} ${servers.map(({ security, port }) => `${security} ${port}`).join(', ')}`,
    )
    assert.equal(text.join('; '), want)
  })
}
