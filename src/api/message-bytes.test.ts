/** The bytes of a message and of its attachments over a socket: in whole, in ranges, safe in a browser. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at } from '../testing/test-api.ts'
import { letter, startTestLettersApi, type TestLettersApi } from '../testing/test-letters.ts'

let api: TestLettersApi
before(async () => {
  api = await startTestLettersApi()
})
after(() => api[Symbol.asyncDispose]())

test('a message is given as it came, in whole', async () => {
  const id = await api.put(letter)
  const response = await fetched(api.pathOf(id, '/raw'))
  assert.equal(response.status, 200)
  assert.equal(response.bytes.toString(), letter)
  assert.deepEqual(response.some('content-type', 'content-length', 'accept-ranges', 'content-disposition'), [
    'message/rfc822',
    String(Buffer.byteLength(letter)),
    'bytes',
    `attachment; filename="${id}.eml"`,
  ])
  const head = await fetched(api.pathOf(id, '/raw'), { range: 'bytes=0-1' }, 'HEAD')
  assert.equal(head.status, 200)
  assert.deepEqual(head.some('content-length', 'content-range'), [String(Buffer.byteLength(letter)), null])
  const etag = response.some('etag')[0] ?? ''
  assert.match(etag, /^"[0-9a-f-]{36}"$/)
  const known = await fetched(api.pathOf(id, '/raw'), {
    'if-none-match': `"x", W/${etag}`,
    range: 'bytes=0-1',
  })
  assert.deepEqual([known.status, known.bytes.length], [304, 0])
})

/** A message of several chunks, of which no two places look alike. */
const large = `Subject: large\r\n\r\n${Array.from({ length: 60_000 }, (_, n) => `line ${n}\r\n`).join('')}`

const ranges: [header: Record<string, string>, want: [start: number, end: number] | 'whole' | 'none'][] = [
  [{}, 'whole'],
  [{ range: 'bytes=0-' }, [0, -1]],
  [{ range: 'bytes=0-0' }, [0, 1]],
  [{ range: 'bytes=10-19' }, [10, 20]],
  [{ range: 'Bytes=10-19' }, [10, 20]],
  [{ range: 'bytes=262140-262150' }, [262_140, 262_151]],
  [{ range: 'bytes=262144-' }, [262_144, -1]],
  [{ range: 'bytes=-5' }, [-6, -1]],
  [{ range: 'bytes=-99999999' }, [0, -1]],
  [{ range: 'bytes=5-99999999' }, [5, -1]],
  [{ range: 'bytes=99999999-' }, 'none'],
  [{ range: 'bytes=-0' }, 'none'],
  [{ range: 'bytes=5-4' }, 'whole'],
  [{ range: 'bytes=-' }, 'whole'],
  [{ range: 'bytes=a-b' }, 'whole'],
  [{ range: 'lines=1-2' }, 'whole'],
  [{ range: 'bytes=0-1,5-6' }, 'whole'],
  [{ range: 'bytes=0-1', 'if-range': 'ETAG' }, [0, 2]],
  [{ range: 'bytes=0-1', 'if-range': 'W/ETAG' }, 'whole'],
  [{ range: 'bytes=0-1', 'if-range': '"other"' }, 'whole'],
  [{ range: 'bytes=0-1', 'if-range': 'Mon, 02 Mar 2026 10:00:00 GMT' }, 'whole'],
]
test('ranges of a message of several chunks', async () => {
  const whole = Buffer.from(large)
  const path = api.pathOf(await api.put(large), '/raw')
  await holdsForRanges(path, whole)
})

test('ranges of an attachment, whatever its encoding', async () => {
  const content = Buffer.from(Array.from({ length: 600_000 }, (_, n) => (n % 78 === 77 ? 10 : 32 + (n % 90))))
  for (const [encoding, encoded] of [
    ['base64', content.toString('base64').replace(/.{76}/g, '$&\r\n')],
    ['8bit', content.toString('latin1')],
    ['x-unknown', content.toString('latin1')],
  ]) {
    const raw =
      'Subject: file\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment\r\n' +
      `Content-Transfer-Encoding: ${encoding}\r\n\r\n${encoded}`
    const id = await api.put(raw)
    assert.equal(
      at((await api.call('GET', api.pathOf(id))).json, 'attachments', 0, 'size_bytes'),
      content.length,
    )
    await holdsForRanges(api.pathOf(id, '/attachments/1'), content)
  }
})

async function holdsForRanges(path: string, whole: Buffer): Promise<void> {
  const etag = (await fetched(path)).some('etag')[0] ?? ''
  for (const [header, want] of ranges) {
    const sent = Object.fromEntries(
      Object.entries(header).map(([name, value]) => [name, value.replace('ETAG', etag)]),
    )
    const { status, bytes, some } = await fetched(path, sent)
    const what = JSON.stringify(header)
    if (want === 'none') {
      assert.deepEqual([status, some('content-range')], [416, [`bytes */${whole.length}`]], what)
      continue
    }
    const [start, end] =
      want === 'whole'
        ? [0, whole.length]
        : want.map((place) => (place < 0 ? whole.length + 1 + place : place))
    assert.ok(bytes.equals(whole.subarray(start, end)), what)
    assert.equal(status, want === 'whole' ? 200 : 206, what)
    assert.deepEqual(
      some('content-length', 'content-range'),
      [String(bytes.length), want === 'whole' ? null : `bytes ${start}-${Number(end) - 1}/${whole.length}`],
      what,
    )
  }
}

const files: [part: string, headers: [type: string, disposition: string]][] = [
  [
    'Content-Type: text/html; charset=utf-8; name="a.html"\r\nContent-Disposition: inline; filename="a.html"',
    ['application/octet-stream', 'attachment; filename="a.html"'],
  ],
  ['Content-Type: image/svg+xml; name=a.svg', ['application/octet-stream', 'attachment; filename="a.svg"']],
  ['Content-Type: application/xhtml+xml; name=a', ['application/octet-stream', 'attachment; filename="a"']],
  [
    'Content-Type: text/plain; charset="iso-8859-1"; name=a.txt',
    ['text/plain; charset=iso-8859-1', 'attachment; filename="a.txt"'],
  ],
  [
    'Content-Type: text/plain; charset="x y\\"; a"; name=a.txt',
    ['text/plain', 'attachment; filename="a.txt"'],
  ],
  [
    'Content-Type: application/pdf\r\nContent-Disposition: attachment; ' +
      "filename*=utf-8''na%0d%0aX-Evil%3A%201%22.pdf",
    [
      'application/pdf',
      'attachment; filename="na X-Evil: 1_.pdf"; filename*=UTF-8\'\'na%20X-Evil%3A%201%22.pdf',
    ],
  ],
  [
    'Content-Type: application/pdf; name="../../etc/passwd"',
    ['application/pdf', 'attachment; filename="passwd"'],
  ],
  [
    'Content-Type: image/png; name="=?utf-8?q?=E2=82=AC_100%.png?="',
    ['image/png', 'attachment; filename="_ 100_.png"; filename*=UTF-8\'\'%E2%82%AC%20100%25.png'],
  ],
  ['Content-Type: application/zip', ['application/zip', 'attachment; filename="attachment-1"']],
]
test('an attachment never runs in a browser, whatever it says it is', async () => {
  for (const [part, want] of files) {
    const mixed =
      'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n' +
      `--b\r\n${part}\r\n\r\nabc\r\n--b--\r\n`
    const { status, bytes, some } = await fetched(api.pathOf(await api.put(mixed), '/attachments/1'))
    assert.deepEqual([status, bytes.toString()], [200, 'abc'], part)
    assert.deepEqual(some('content-type', 'content-disposition'), want, part)
    assert.deepEqual(
      some('x-content-type-options', 'content-security-policy', 'x-evil'),
      ['nosniff', "default-src 'none'; sandbox", null],
      part,
    )
  }
})

async function fetched(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const response = await fetch(api.base + path, {
    method,
    headers: { authorization: `Bearer ${api.apiKey}`, ...headers },
  })
  return {
    status: response.status,
    bytes: Buffer.from(await response.arrayBuffer()),
    some: (...names: string[]) => names.map((name) => response.headers.get(name)),
  }
}
