/** Messages that were made to hurt: taken by APPEND, shown by FETCH, in bounded time and with whole responses. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startTestImap, type TestImap } from '../../../testing/test-imap.ts'

let imap: TestImap
before(async () => {
  imap = await startTestImap()
})
after(() => imap[Symbol.asyncDispose]())

const elapsedMsMax = 4_000
const responseBytesMax = 4 * 1024 ** 2

const mixed = (boundary: string): string => `Content-Type: multipart/mixed; boundary="${boundary}"\r\n\r\n`
const rfc822 = 'Content-Type: message/rfc822\r\n\r\n'
const rows: [what: string, raw: string, structure: RegExp][] = [
  [
    '10,000 parts',
    `${mixed('b')}${'--b\r\n\r\nx\r\n'.repeat(10_000)}--b--\r\n`,
    /"mixed" \("boundary" "b"\)/,
  ],
  ['500 messages in one another', `${rfc822.repeat(500)}x`, /^\("message" "rfc822".*"octet-stream"/],
  [
    '500 multiparts in one another',
    Array.from({ length: 500 }, (_, n) => `${mixed(`b${n}`)}--b${n}\r\n`).join(''),
    /"octet-stream"/,
  ],
  [
    'multiparts and messages in turn, each the prefix of the next',
    Array.from(
      { length: 200 },
      (_, n) => `${mixed('b'.repeat(n + 1))}--${'b'.repeat(n + 1)}\r\n${rfc822}`,
    ).join(''),
    /"octet-stream"/,
  ],
  [
    'a header of 10 MB',
    `Subject: x\r\n${`X-Filler: ${'y'.repeat(990)}\r\n`.repeat(10_000)}\r\nbody`,
    /"text" "plain".* 4 0 /,
  ],
  ['a header line of 10 MB', `Subject: ${'x'.repeat(10_000_000)}\r\n\r\nbody`, /"text" "plain".* 4 0 /],
  ['a message without header or end of line', 'x'.repeat(1_000_000), /"text" "plain"/],
  ['a header that does not end', 'Content-Type: multipart/mixed; boundary=b\r\n--b\r\nX: y', /"mixed"/],
  [
    '100,000 addresses',
    `To: ${'a@b.test, '.repeat(100_000)}\r\nCc: ${'x:;, '.repeat(40_000)}\r\n\r\n`,
    /"text"/,
  ],
  [
    'empty addresses and groups',
    'From: <>\r\nTo: undisclosed:;, group: a@b, <@c:d@e>;, ,,\r\nSender: \r\nReply-To: @\r\n\r\n',
    /"text"/,
  ],
  [
    'parameters in 10,000 pieces',
    `Content-Type: text/plain; ${Array.from({ length: 10_000 }, (_, n) => `a*${n}*=%41`).join('; ')}\r\n\r\n`,
    /"text" "plain"/,
  ],
  [
    'a parameter in pieces and charsets',
    'Content-Type: text/plain; name*0*=utf-8\'\'Gr%C3; name*1*=%BC; name*2="%C3e"; charset="no\'such"\r\n\r\n',
    /"name" /,
  ],
  [
    'eight-bit headers',
    'Subject: \xff\xfe\x80\r\nFrom: \xc3\xa4 <\xe4@\xe4>\r\nContent-Type: text/\xe4; x="\xe4"\r\n\r\n\xff',
    /"text"/,
  ],
  [
    'quotes and backslashes everywhere',
    `Subject: "\\"\\\\\r\nContent-Type: text/plain; a="\\"\\\\"\r\nContent-Disposition: "\\\r\n\r\n`,
    /"text"/,
  ],
  ['bare CR and LF', 'Subject: a\rb\nFrom: x\r\r\n\r\rbody\n\r', /"text"/],
]
for (const [what, raw, structure] of rows) {
  test(what, async () => {
    const client = await imap.logIn(await imap.test.createMailbox())
    const started = performance.now()
    assert.match(await client.append('INBOX', raw), /^OK/)
    await client.ok('SELECT INBOX')
    const shown = (await client.ok('FETCH 1 (ENVELOPE BODY BODYSTRUCTURE RFC822.SIZE)')).join('\r\n')
    assert.ok(performance.now() - started < elapsedMsMax)
    assert.ok(shown.length < responseBytesMax, `${shown.length} bytes`)
    assert.ok(shown.endsWith(`RFC822.SIZE ${raw.length})`))
    const found = /BODYSTRUCTURE (\(.*\)) RFC822.SIZE/s.exec(shown)?.[1] ?? ''
    assert.match(found, structure)
    assert.ok(isBalanced(shown.slice(shown.indexOf('('))), 'the response is not whole')
    const sections = await client.ok(
      'FETCH 1 (BODY.PEEK[HEADER]<0.10> BODY.PEEK[1]<0.10> BODY.PEEK[TEXT]<0.10> PREVIEW)',
    )
    assert.ok(sections.length > 0)
    client.close()
  })
}

/** Whether parentheses close, outside of quoted strings and literals. */
function isBalanced(wire: string): boolean {
  const token = /"(?:[^"\\\r\n]|\\.)*"|\{(\d+)\}\r\n|[()]|[^()"{]+/y
  let depth = 0
  let at = 0
  while (at < wire.length) {
    token.lastIndex = at
    const found = token.exec(wire)
    if (found === null) return false
    at = token.lastIndex + Number(found[1] ?? 0)
    if (found[0] === '(') depth += 1
    if (found[0] === ')') depth -= 1
    if (depth < 0) return false
  }
  return depth === 0
}
