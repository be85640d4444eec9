import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { newId } from '../platform/ids.ts'
import { inTransaction, stage } from '../testing/test-mail.ts'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import { insertBodies } from './bodies.ts'
import type { BodyReader } from './bodies-read.ts'
import { parseMessage } from './mime/structure.ts'
import { makePreview, readPreviews } from './previews.ts'

function readerOf(raw: Buffer): BodyReader {
  return {
    sizeBytes: raw.length,
    inMemory: ({ start, end }) => raw.subarray(start, end),
    async *read({ start, end }) {
      yield raw.subarray(start, end)
    },
  }
}

const part = (type: string, body: string, more = ''): string =>
  `--b\r\nContent-Type: ${type}\r\n${more}\r\n${body}\r\n`
const multipart = (subtype: string, ...parts: string[]): string =>
  `Subject: x\r\nContent-Type: multipart/${subtype}; boundary=b\r\n\r\n${parts.join('')}--b--\r\n`

const rows: [what: string, raw: string, want: string][] = [
  ['a plain message', 'Subject: x\r\n\r\nHello\r\n', 'Hello'],
  ['no body', 'Subject: x\r\n', ''],
  [
    'of alternatives the plain one',
    multipart('alternative', part('text/html', '<p>html'), part('text/plain', 'plain')),
    'plain',
  ],
  [
    'of alternatives the one that says something',
    multipart('alternative', part('text/plain', ' \r\n'), part('text/html', '<p>html')),
    'html',
  ],
  [
    'attachments are not shown',
    multipart(
      'mixed',
      part('text/plain', 'log', 'Content-Disposition: attachment\r\n'),
      part('text/plain', 'hi'),
    ),
    'hi',
  ],
  [
    'nor what is no text',
    multipart('mixed', part('image/png', 'PNG'), part('text/calendar', 'BEGIN'), part('text/plain', 'hi')),
    'hi',
  ],
  ['only an attachment', multipart('mixed', part('application/pdf', '%PDF')), ''],
  [
    'what is encrypted',
    multipart('encrypted', part('application/pgp-encrypted', 'Version: 1'), part('text/plain', 'x')),
    '',
  ],
  ['a forwarded message', multipart('mixed', part('message/rfc822', 'Subject: y\r\n\r\ninside')), 'inside'],
  [
    'base64 and a charset',
    'Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: base64\r\n\r\nR3L832U=\r\n',
    'Grüße',
  ],
  [
    'quoted-printable',
    'Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>Gr=C3=BC=C3=9Fe=\r\n!',
    'Grüße!',
  ],
  ['a charset that is wrong', 'Content-Type: text/plain; charset=nonsense\r\n\r\nGr\xfc\xdfe', 'Grüße'],
  ['an unknown transfer encoding', 'Content-Transfer-Encoding: x-own\r\n\r\nsecret', ''],
  ['NUL', 'Subject: x\r\n\r\na\0b', 'a b'],
]
describe('makePreview', () => {
  for (const [what, raw, want] of rows) {
    test(what, async () => {
      const bytes = Buffer.from(raw, 'latin1')
      assert.equal(await makePreview(readerOf(bytes), parseMessage(bytes).root), want)
    })
  }
})

describe('readPreviews', () => {
  let t: TestPlatform
  before(async () => {
    t = await startTestPlatform()
  })
  after(() => t[Symbol.asyncDispose]())

  async function store(...raws: string[]): Promise<{ body_id: string; size_bytes: number }[]> {
    const bodies = await Promise.all(raws.map((raw) => stage(t.platform, Buffer.from(raw, 'latin1'))))
    await inTransaction(t.platform, (tx) => insertBodies(tx, bodies, new Date()))
    return bodies.map(({ id, sizeBytes }) => ({ body_id: id, size_bytes: sizeBytes }))
  }

  test('made when first asked for, and kept', async () => {
    const messages = await store(
      'Subject: x\r\n\r\none',
      'Subject: y\r\n\r\n',
      `Subject: z\r\n\r\nlarge ${'y'.repeat(600_000)}`,
    )
    const [one, empty, large] = messages.map(({ body_id }) => body_id)
    assert.equal((await readPreviews(t.platform, messages, { lazy: true })).size, 0)
    const made = await readPreviews(t.platform, messages, { lazy: false })
    assert.deepEqual([made.get(one ?? ''), made.get(empty ?? '')], ['one', ''])
    assert.match(made.get(large ?? '') ?? '', /^large y{194}$/)
    assert.deepEqual(await readPreviews(t.platform, messages, { lazy: true }), made)
    await t.platform.pool.query("update bodies set preview = 'kept' where id = $1", [one])
    assert.equal((await readPreviews(t.platform, messages, { lazy: false })).get(one ?? ''), 'kept')
  })

  test('a body that is gone, and no messages at all', async () => {
    assert.equal((await readPreviews(t.platform, [], { lazy: false })).size, 0)
    assert.equal(
      (await readPreviews(t.platform, [{ body_id: newId(), size_bytes: 1 }], { lazy: false })).size,
      0,
    )
  })
})
