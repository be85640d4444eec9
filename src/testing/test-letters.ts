/** For tests of reading one message: an API with a mailbox to put it into, and a letter of many parts. */
import assert from 'node:assert/strict'
import { startTestApi, type TestApi } from './test-api.ts'
import { append, folderIdOf } from './test-mail.ts'
import type { TestMailbox } from './test-platform.ts'

export type TestLettersApi = TestApi & {
  box: TestMailbox
  inboxId: string
  /** Puts a message into INBOX. @returns its id. */
  put(raw: string, more?: Parameters<typeof append>[4]): Promise<string>
  /** The path of a message, or of what is below it. */
  pathOf(id: string, rest?: string): string
}

export async function startTestLettersApi(): Promise<TestLettersApi> {
  await using stack = new AsyncDisposableStack()
  const api = stack.use(await startTestApi())
  const box = await api.createMailbox()
  const inboxId = await folderIdOf(api.platform, box.mailboxId, 'INBOX')
  const running = stack.move()
  return {
    ...api,
    box,
    inboxId,
    async put(raw, more = {}) {
      const [stored] = await append(api.platform, box.owner, inboxId, [Buffer.from(raw)], more)
      assert.ok(stored)
      return stored.id
    },
    pathOf: (id, rest = '') => `/v1/mailboxes/${box.address}/messages/${id}${rest}`,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** The bytes of the file in `letter`. */
export const letterFile = Buffer.from(Array.from({ length: 1000 }, (_, n) => n % 256))

/** A message with everything that one can have: both texts, a picture in it, a file and a page. */
export const letter = [
  'Date: Mon, 2 Mar 2026 10:00:00 +0100',
  'From: =?utf-8?q?Ann_M=C3=BCller?= <ann@elsewhere.example>',
  'To: friends: Bob <bob@demo.test>, "C, D" <cd@demo.test>;',
  'Cc: root',
  'Reply-To: list@elsewhere.example',
  'Message-ID: <m1@elsewhere.example>',
  'In-Reply-To: <m0@demo.test>',
  'References: <root@demo.test>',
  ' <m0@demo.test>',
  'Subject: =?utf-8?b?R3LDvMOfZQ==?= from',
  ' afar',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary=m',
  '',
  '--m',
  'Content-Type: multipart/related; boundary=r',
  '',
  '--r',
  'Content-Type: multipart/alternative; boundary=a',
  '',
  '--a',
  'Content-Type: text/plain; charset=iso-8859-1',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  'Sch=F6n, dich zu sehen.',
  '--a',
  'Content-Type: text/html',
  '',
  '<p>Sch&ouml;n <img src="cid:pic@x"></p>',
  '--a--',
  '--r',
  'Content-Type: image/png; name=pic.png',
  'Content-ID: <pic@x>',
  'Content-Disposition: inline',
  'Content-Transfer-Encoding: base64',
  '',
  'aGVsbG8=',
  '--r--',
  '--m',
  'Content-Type: application/octet-stream',
  "Content-Disposition: attachment; filename*=utf-8''%e2%82%ac%20rates.bin",
  'Content-Transfer-Encoding: base64',
  '',
  ...(letterFile.toString('base64').match(/.{1,76}/g) ?? []),
  '--m',
  'Content-Type: text/html; name="page.html"',
  'Content-Disposition: attachment; filename="page.html"',
  '',
  '<script>alert(1)</script>',
  '--m--',
  '',
].join('\r\n')
