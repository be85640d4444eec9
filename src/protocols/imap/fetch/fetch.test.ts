import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { flagBits } from '../../../messages/flags.ts'
import {
  collectWire,
  fetchItems,
  openTestFolder,
  store,
  type TestFolder,
} from '../../../testing/test-fetch.ts'
import { flagsResponse, setsSeen, writeFetch } from './fetch.ts'
import type { FetchRequest } from './request.ts'

const fixtures = new URL('../../../messages/mime/fixtures/', import.meta.url)
const fixture = (name: string): Buffer => readFileSync(new URL(`${name}.eml`, fixtures))

const crlf = (...lines: string[]): string => lines.join('\r\n')
const literal = (text: string): string => `{${Buffer.byteLength(text, 'latin1')}}\r\n${text}`

const encoded = crlf(
  'Subject: encoded',
  'Content-Type: multipart/mixed; boundary=b',
  '',
  '--b',
  'Content-Transfer-Encoding: base64',
  '',
  'QUJD',
  'AERF',
  '--b',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  'caf=E9 =',
  'au lait',
  '--b',
  'Content-Transfer-Encoding: x-own',
  '',
  'secret',
  '--b--',
  '',
)

/** Fetches with default request options. @returns the responses, and how the command ends. */
async function run(
  folder: TestFolder,
  items: string,
  request: Partial<FetchRequest> = {},
  sequenceOf: (uid: number) => number | null = (uid) => uid,
): Promise<{ wire: string; outcome: string; largestBytes: number }> {
  const collected = collectWire()
  const outcome = await writeFetch(
    folder.platform,
    folder.target,
    {
      items: fetchItems(items),
      ranges: [{ first: 1, last: 1_000_000 }],
      isRecent: () => false,
      uid: false,
      ...request,
    },
    sequenceOf,
    collected.write,
  )
  return { wire: collected.wire(), outcome, largestBytes: collected.largestBytes }
}

describe('FETCH of one message', () => {
  let folder: TestFolder
  before(async () => {
    folder = await openTestFolder()
    await store(folder, [
      {
        raw: fixture('nested'),
        flags: flagBits.seen | flagBits.flagged,
        keywords: ['$Forwarded', 'Work'],
        internalDate: new Date('2026-02-03T04:05:06Z'),
      },
      { raw: fixture('plain') },
      { raw: encoded },
      { raw: 'Subject: no body\r\n' },
      { raw: '' },
    ])
  })
  after(() => folder[Symbol.asyncDispose]())

  const nested: Record<string, string> = JSON.parse(
    readFileSync(new URL('nested.json', fixtures), 'utf8'),
  ).sections
  const section = (name: string): string => literal(nested[name] ?? '')

  // UID, items, and what stands between `* n FETCH (` and `)`.
  const rows: [uid: number, items: string, want: string][] = [
    [1, 'UID', 'UID 1'],
    [1, 'FLAGS', 'FLAGS (\\Flagged \\Seen $Forwarded Work)'],
    [2, 'FLAGS', 'FLAGS ()'],
    [1, 'INTERNALDATE RFC822.SIZE', 'INTERNALDATE " 3-Feb-2026 04:05:06 +0000" RFC822.SIZE 973'],
    [1, 'FLAGS UID FLAGS', 'FLAGS (\\Flagged \\Seen $Forwarded Work) UID 1'],
    [1, 'MODSEQ', 'MODSEQ (2)'],
    [
      2,
      'ENVELOPE',
      'ENVELOPE ("Mon, 1 Jan 2024 10:00:00 +0000" "=?utf-8?Q?Gr=C3=BC=C3=9Fe?= from a folded line" (("Bob Smith" NIL "bob" "example.test")) (("Bob Smith" NIL "bob" "example.test")) (("Bob Smith" NIL "bob" "example.test")) ((NIL NIL "ann" "example.net")) NIL NIL "<plain-0@example.test>" "<plain-1@example.test>")',
    ],
    [4, 'BODY', 'BODY ("text" "plain" NIL NIL NIL "7bit" 0 0)'],
    [4, 'BODYSTRUCTURE', 'BODYSTRUCTURE ("text" "plain" NIL NIL NIL "7bit" 0 0 NIL NIL NIL NIL)'],
    [1, 'PREVIEW (LAZY)', 'PREVIEW NIL'],
    [1, 'PREVIEW', 'PREVIEW "first"'],
    [1, 'PREVIEW (LAZY) UID', 'PREVIEW "first" UID 1'], // kept since
    [4, 'PREVIEW', 'PREVIEW ""'],
    [1, 'BODY[]', `BODY[] ${literal(fixture('nested').toString('latin1'))}`],
    [1, 'RFC822', `RFC822 ${literal(fixture('nested').toString('latin1'))}`],
    [1, 'BODY[HEADER]', `BODY[HEADER] ${section('HEADER')}`],
    [1, 'RFC822.HEADER', `RFC822.HEADER ${section('HEADER')}`],
    [1, 'BODY.PEEK[TEXT]', `BODY[TEXT] ${section('TEXT')}`],
    [1, 'RFC822.TEXT', `RFC822.TEXT ${section('TEXT')}`],
    ...['1', '2', '3', '1.MIME', '2.MIME', '2.HEADER', '2.TEXT', '2.1', '2.2', '2.1.MIME'].map(
      (name): [number, string, string] => [1, `BODY[${name}]`, `BODY[${name}] ${section(name)}`],
    ),
    [1, 'BODY[4]', 'BODY[4] NIL'],
    [1, 'BODY[1.1]', 'BODY[1.1] NIL'],
    [1, 'BODY[1.HEADER]', 'BODY[1.HEADER] NIL'],
    [1, 'BODY[4]<0.5>', 'BODY[4]<0> NIL'],
    [2, 'BODY[1]', `BODY[1] ${literal('Hello Ann,\r\n\r\nthis is all.\r\n')}`],
    [2, 'BODY[2]', 'BODY[2] NIL'],
    [2, 'BODY[1]<0.5>', `BODY[1]<0> ${literal('Hello')}`],
    [2, 'BODY[1]<6.3>', `BODY[1]<6> ${literal('Ann')}`],
    [2, 'BODY[1]<20.500>', `BODY[1]<20> ${literal('s all.\r\n')}`],
    [2, 'BODY[1]<28.1>', 'BODY[1]<28> ""'], // RFC 9051 §6.4.5: behind the end is the empty string
    [2, 'BODY[1]<9007199254740991.9007199254740991>', 'BODY[1]<9007199254740991> ""'],
    [
      2,
      'BODY[HEADER.FIELDS (subject X-None date)]',
      `BODY[HEADER.FIELDS (subject X-None date)] ${literal(
        crlf(
          'Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= from',
          ' a folded line',
          'Date: Mon, 1 Jan 2024 10:00:00 +0000',
          '',
          '',
        ),
      )}`,
    ],
    [2, 'BODY[HEADER.FIELDS (X-None)]', `BODY[HEADER.FIELDS (X-None)] ${literal('\r\n')}`],
    [2, 'BODY[HEADER.FIELDS (DATE)]<5.4>', `BODY[HEADER.FIELDS (DATE)]<5> ${literal(' Mon')}`],
    [
      1,
      'BODY[2.HEADER.FIELDS.NOT (CONTENT-TYPE FROM)]',
      `BODY[2.HEADER.FIELDS.NOT (CONTENT-TYPE FROM)] ${literal(
        crlf('Subject: inside', 'Message-ID: <inside@example.test>', '', ''),
      )}`,
    ],
    [1, 'BODY[1.HEADER.FIELDS (FROM)]', 'BODY[1.HEADER.FIELDS (FROM)] NIL'],
    [4, 'BODY[TEXT]', 'BODY[TEXT] ""'],
    [4, 'BODY[HEADER]', `BODY[HEADER] ${literal('Subject: no body\r\n')}`],
    [5, 'BODY[]', 'BODY[] ""'],
    [5, 'RFC822.SIZE BODY[]<0.10>', 'RFC822.SIZE 0 BODY[]<0> ""'],
    [3, 'BINARY[1]', 'BINARY[1] ~{6}\r\nABC\0DE'], // literal8, for the NUL (RFC 3516 §4.1)
    [3, 'BINARY[1]<1.2>', 'BINARY[1]<1> ~{2}\r\nBC'],
    [3, 'BINARY[1]<6.2>', 'BINARY[1]<6> ""'],
    [3, 'BINARY.PEEK[2]', 'BINARY[2] {12}\r\ncaf\xe9 au lait'],
    [3, 'BINARY.SIZE[1] BINARY.SIZE[2]', 'BINARY.SIZE[1] 6 BINARY.SIZE[2] 12'],
    [3, 'BINARY[9] BINARY.SIZE[9]', 'BINARY[9] NIL BINARY.SIZE[9] 0'],
    [3, 'BINARY.PEEK[]', `BINARY[] ${literal(encoded)}`],
  ]
  for (const [uid, items, want] of rows) {
    test(`message ${uid}: ${items}`, async () => {
      const { wire, outcome } = await run(folder, items, { ranges: [{ first: uid, last: uid }] })
      assert.equal(wire, `* ${uid} FETCH (${want})\r\n`)
      assert.equal(outcome, 'done')
    })
  }

  test('many items in one response, in the order asked for', async () => {
    const { wire } = await run(folder, 'BODY[1] RFC822.SIZE BODY[2.1] FLAGS BODY[3]<0.6>', {
      ranges: [{ first: 1, last: 1 }],
    })
    assert.equal(
      wire,
      '* 1 FETCH (BODY[1] {7}\r\nfirst\r\n RFC822.SIZE 973 BODY[2.1] {10}\r\nplain text' +
        ' FLAGS (\\Flagged \\Seen $Forwarded Work) BODY[3]<0> {6}\r\nR0lGOD)\r\n',
    )
  })

  test('an unknown transfer encoding is left out, and the command is told', async () => {
    const range = { ranges: [{ first: 3, last: 3 }] }
    const mixed = await run(folder, 'UID BINARY[3] BINARY.SIZE[3] RFC822.SIZE', range)
    assert.equal(mixed.wire, `* 3 FETCH (UID 3 RFC822.SIZE ${encoded.length})\r\n`)
    assert.equal(mixed.outcome, 'unknown-cte')
    const alone = await run(folder, 'BINARY[3]', range)
    assert.deepEqual([alone.wire, alone.outcome], ['', 'unknown-cte'])
  })

  test('copies have one EMAILID, and all ids are object ids', async () => {
    const { target, platform } = folder
    await sql`
      insert into messages select mailbox_id, folder_id, 100, gen_random_uuid(), modseq, flags, keywords,
        internal_date, size_bytes, body_id, thread_id, saved_at
      from messages where mailbox_id = ${target.mailboxId} and uid = 2`.execute(platform.db)
    const two = {
      ranges: [
        { first: 2, last: 2 },
        { first: 100, last: 100 },
      ],
    }
    const { wire } = await run(folder, 'EMAILID THREADID', two)
    const ids = [...wire.matchAll(/EMAILID \((M[\w-]+)\) THREADID \((T[\w-]+)\)/g)]
    assert.equal(ids.length, 2)
    assert.deepEqual(ids[0]?.slice(1), ids[1]?.slice(1))
    await sql`delete from messages where uid = 100`.execute(platform.db)
  })

  test('UID FETCH includes the UID, once', async () => {
    const range = { ranges: [{ first: 2, last: 2 }], uid: true }
    assert.equal((await run(folder, 'FLAGS', range)).wire, '* 2 FETCH (UID 2 FLAGS ())\r\n')
    assert.equal((await run(folder, 'FLAGS UID', range)).wire, '* 2 FETCH (UID 2 FLAGS ())\r\n')
  })

  test('flags of messages that were just marked are shown, asked for or not', async () => {
    const state = { uid: 2, flags: flagBits.seen, keywords: ['x'], modseq: 99 }
    const marked = { ranges: [{ first: 2, last: 3 }], flagsAfter: new Map([[2, state]]) }
    const { wire } = await run(folder, 'MODSEQ RFC822.SIZE', marked)
    assert.match(
      wire,
      /^\* 2 FETCH \(MODSEQ \(99\) RFC822.SIZE \d+ FLAGS \(\\Seen x\)\)\r\n\* 3 FETCH \(MODSEQ \(2\)/,
    )
    assert.doesNotMatch(wire, /3 FETCH.*FLAGS/)
    const asked = await run(folder, 'FLAGS', marked)
    assert.equal(asked.wire, '* 2 FETCH (FLAGS (\\Seen x))\r\n* 3 FETCH (FLAGS ())\r\n')
  })

  test('\\Recent is the session’s', async () => {
    const { wire } = await run(folder, 'FLAGS', {
      ranges: [{ first: 2, last: 3 }],
      isRecent: (uid) => uid === 3,
    })
    assert.equal(wire, '* 2 FETCH (FLAGS ())\r\n* 3 FETCH (FLAGS (\\Recent))\r\n')
  })

  test('messages that the session does not know are skipped', async () => {
    const { wire } = await run(folder, 'UID BODY[]<0.1>', {}, (uid) => (uid === 2 ? 1 : null))
    assert.equal(wire, '* 1 FETCH (UID 2 BODY[]<0> {1}\r\nR)\r\n')
  })
})

describe('FETCH of much', () => {
  let folder: TestFolder
  before(async () => {
    folder = await openTestFolder()
  })
  after(() => folder[Symbol.asyncDispose]())

  test('a message of 3 MB is streamed; partials cross chunks; BINARY counts decoded octets', async () => {
    const content = Buffer.alloc(2_200_000)
    for (let at = 0; at < content.length; at++) content[at] = (at * 7 + (at >> 8)) & 0xff
    const base64 = content.toString('base64').replace(/.{76}/g, '$&\r\n')
    const head = 'Subject: large\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nshort\r\n'
    const raw = `${head}--b\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64}\r\n--b--\r\n`
    const [uid = 0] = await store(folder, [{ raw }])
    const range = { ranges: [{ first: uid, last: uid }] }

    const whole = await run(folder, 'BODY[]', range)
    assert.ok(raw.length > 3_000_000)
    assert.ok(whole.wire === `* ${uid} FETCH (BODY[] {${raw.length}}\r\n${raw})\r\n`, 'the bytes differ')
    assert.ok(whole.largestBytes <= 256 * 1024, `${whole.largestBytes} bytes in one write`)

    for (const [offset, count] of [
      [0, 10],
      [262_140, 10],
      [262_144, 262_144],
      [100_000, 700_000],
    ] as const) {
      const part = await run(folder, `BODY[2]<${offset}.${count}>`, range)
      const slice = base64.slice(offset, offset + count)
      assert.ok(
        part.wire === `* ${uid} FETCH (BODY[2]<${offset}> {${slice.length}}\r\n${slice})\r\n`,
        `at ${offset}`,
      )
    }

    const binary = await run(folder, 'BINARY[2]<1999000.300000> BINARY.SIZE[2] BODY[1]', range)
    const slice = content.toString('latin1', 1_999_000)
    assert.ok(
      binary.wire ===
        `* ${uid} FETCH (BINARY[2]<1999000> ~{${slice.length}}\r\n${slice} BINARY.SIZE[2] ${content.length} BODY[1] {5}\r\nshort)\r\n`,
    )
    assert.ok(binary.largestBytes <= 256 * 1024)
  })

  test('1,200 messages over several pages and batches, in UID order', async () => {
    const filler = 'x'.repeat(3_000)
    const uids = await store(
      folder,
      Array.from({ length: 1200 }, (_, n) => ({
        raw: `Subject: message ${n}\r\nX-Other: y\r\n\r\n${filler}`,
      })),
    )
    const first = uids[0] ?? 0
    const ranges = [
      { first: first + 600, last: first + 5000 },
      { first, last: first + 700 }, // a client's ranges may overlap and come in any order
    ]
    const { wire, largestBytes } = await run(folder, 'BODY.PEEK[HEADER.FIELDS (SUBJECT)] UID', { ranges })
    const want = uids.map((uid, n) => {
      const field = `Subject: message ${n}\r\n\r\n`
      return `* ${uid} FETCH (BODY[HEADER.FIELDS (SUBJECT)] ${literal(field)} UID ${uid})\r\n`
    })
    assert.ok(wire === want.join(''))
    assert.ok(largestBytes < 40_000, `${largestBytes} bytes in one write`)
  })

  test('a write that waits is waited for', async () => {
    let running = 0
    let writes = 0
    const slow = async (): Promise<void> => {
      assert.equal(running, 0)
      running++
      writes++
      await new Promise((resolve) => setImmediate(resolve))
      running--
    }
    const request = {
      items: fetchItems('BODY[]'),
      ranges: [{ first: 1, last: 1_000_000 }],
      isRecent: () => false,
      uid: true,
    }
    await writeFetch(folder.platform, folder.target, request, (uid) => uid, slow)
    assert.ok(writes > 50)
  })
})

const seenRows: [items: string, seen: boolean][] = [
  ['FLAGS UID BODY BODYSTRUCTURE ENVELOPE', false],
  ['BODY.PEEK[] RFC822.HEADER BINARY.PEEK[1] BINARY.SIZE[1] RFC822.SIZE', false],
  ['BODY[HEADER]', true],
  ['BODY[1]<0.1>', true],
  ['RFC822', true],
  ['RFC822.TEXT', true],
  ['BINARY[1]', true],
]
for (const [items, seen] of seenRows) {
  test(`${items} ${seen ? 'sets' : 'does not set'} \\Seen`, () => {
    assert.equal(setsSeen(fetchItems(items)), seen)
  })
}

test('the response that tells of flags', () => {
  const state = { uid: 7, flags: flagBits.answered | flagBits.draft, keywords: ['k'], modseq: 12 }
  assert.equal(
    flagsResponse(3, state, { uid: true, modseq: true, recent: true }),
    '* 3 FETCH (UID 7 FLAGS (\\Answered \\Draft k \\Recent) MODSEQ (12))\r\n',
  )
  assert.equal(
    flagsResponse(3, { ...state, flags: 0, keywords: [] }, { uid: false, modseq: false, recent: false }),
    '* 3 FETCH (FLAGS ())\r\n',
  )
})
