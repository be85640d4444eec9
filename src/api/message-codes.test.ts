/** Codes and links of a message by API, and what is said of who sent them. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { at, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { append, folderIdOf } from '../testing/test-mail.ts'

let api: TestApi
before(async () => {
  api = await startTestApi()
})
after(() => api[Symbol.asyncDispose]())

const raw = [
  'From: Example <no-reply@example.org>',
  'Subject: =?utf-8?q?Ihr_Best=C3=A4tigungscode?=',
  'MIME-Version: 1.0',
  'Content-Type: text/html; charset=utf-8',
  'Content-Transfer-Encoding: base64',
  '',
  Buffer.from(
    '<p>Ihr Code lautet: <b>482 913</b></p><a href="https://x.test/verify?token=1&amp;l=de">Bestätigen</a>',
  ).toString('base64'),
  '',
].join('\r\n')

/** @param dmarc its result; null: it did not come from outside. */
async function messageWith(dmarc: string | null, mail = raw): Promise<string> {
  const { mailboxId, owner } = await api.createMailbox()
  const inboxId = await folderIdOf(api.platform, mailboxId, 'INBOX')
  const [message] = await append(api.platform, owner, inboxId, [Buffer.from(mail)])
  assert.ok(message)
  const trust = dmarc === null ? null : JSON.stringify({ dmarc: { result: dmarc, domain: 'example.org' } })
  await sql`update bodies set trust = ${trust}::jsonb where id = (select body_id from messages where mailbox_id = ${mailboxId}::uuid and id = ${message.id}::uuid)`.execute(
    api.platform.db,
  )
  return `/v1/mailboxes/${mailboxId}/messages/${message.id}/codes`
}

test('a code and a link of HTML, with where they are', async () => {
  const { status, headers, json } = await api.call('GET', await messageWith('pass'))
  assert.deepEqual([status, headers.get('cache-control')], [200, 'no-store'])
  assert.equal(textAt(json, 'codes', 0, 'code'), '482913')
  assert.equal(textAt(json, 'codes', 0, 'found_in'), 'html')
  assert.match(textAt(json, 'codes', 0, 'context'), /Ihr Code lautet: 482 913/)
  assert.deepEqual(at(json, 'links'), [
    {
      url: 'https://x.test/verify?token=1&l=de',
      kind: 'verification',
      text: 'Bestätigen',
      found_in: 'html',
    },
  ])
})

const senders: [dmarc: string | null, authenticated: boolean | null][] = [
  ['pass', true],
  ['fail', false],
  ['none', false],
  ['temperror', false],
  [null, null],
]
for (const [dmarc, authenticated] of senders) {
  test(`who it is from, after DMARC ${dmarc}`, async () => {
    const { json } = await api.call('GET', await messageWith(dmarc))
    assert.deepEqual(at(json, 'sender'), { authenticated, dmarc, domain: 'example.org' })
  })
}

test('an author without a domain', async () => {
  const path = await messageWith(null, raw.replace(/^From: .*/, 'From: root'))
  const { json } = await api.call('GET', path)
  assert.deepEqual(at(json, 'sender'), { authenticated: null, dmarc: null, domain: null })
})

test('a key that reads may ask, and one of another mailbox not', async () => {
  const path = await messageWith(null)
  const { mailboxId } = await api.createMailbox()
  const { workspaceId } = api.scope
  assert.equal((await api.call('GET', path, { key: await api.key({ access: 'read' }) })).status, 200)
  const key = await api.key({ workspaceId, mailboxId })
  assert.equal(refusal(await api.call('GET', path, { key })), '404 mailbox_not_found')
})
