/** Ann, who answers by the API, and Bob, who gets the answers by mail: for tests of replies and forwards. */
import assert from 'node:assert/strict'
import { type ParsedMail, parseMail } from './parsed-mail.ts'
import type { Reply } from './test-api.ts'
import { startTestMailApi, type TestMailApi } from './test-mail-api.ts'
import type { TestMailbox } from './test-platform.ts'

export type TestReplies = TestMailApi & {
  bob: TestMailbox
  /** One more Ann. */
  newBox(): Promise<TestMailbox>
  /** @param how `reply` or `forward`. */
  answer(
    box: TestMailbox,
    id: string,
    body: object,
    how?: string,
    headers?: Record<string, string>,
  ): Promise<Reply>
  /** What Bob got last. */
  arrived(): Promise<{ raw: Buffer; mail: ParsedMail }>
}

export async function startTestReplies(): Promise<TestReplies> {
  const api = await startTestMailApi()
  await api.connectActiveDomain('sender.example')
  const bob = await api.createMailbox('bob@sender.example')
  let made = 0
  return {
    ...api,
    bob,
    newBox: () => api.createMailbox(`ann${++made}@sender.example`),
    answer: (box, id, body, how = 'reply', headers = {}) =>
      api.call('POST', `/v1/mailboxes/${box.mailboxId}/messages/${id}/${how}`, { body, headers }),
    async arrived() {
      const raw = (await api.folder(bob, 'INBOX')).at(-1)?.raw
      assert.ok(raw)
      return { raw, mail: parseMail(raw) }
    },
  }
}

/** A message of Bob's; a field with the value '' is left out. */
export function original(more: Record<string, string> = {}, body = 'Hello Ann.\r\nHow are you?\r\n'): string {
  const fields = {
    From: 'Bob <bob@sender.example>',
    To: 'ann@sender.example',
    Subject: 'Lunch',
    'Message-ID': '<m1@far.example>',
    Date: 'Mon, 02 Nov 2026 10:00:00 +0000',
    ...more,
  }
  const head = Object.entries(fields).flatMap(([name, value]) => (value === '' ? [] : [`${name}: ${value}`]))
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

export const pixel =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

/** One whose HTML may show a picture of its own, with a file beside. */
export function withPicture(html: string): string {
  const parts = [
    `--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n${html}\r\n`,
    `--b\r\nContent-Type: image/png\r\nContent-ID: <pic@far>\r\nContent-Transfer-Encoding: base64\r\n\r\n${pixel}\r\n`,
    `--b\r\nContent-Type: text/plain; name="notes\\".txt"\r\nContent-Disposition: attachment\r\n\r\nnotes\r\n--b--\r\n`,
  ]
  return original({ 'MIME-Version': '1.0', 'Content-Type': 'multipart/related; boundary=b' }, parts.join(''))
}
