import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BodyReader } from '../bodies-read.ts'
import { parseMessage } from '../mime/structure.ts'
import { foldText } from './search-fold.ts'
import { findNeedles } from './search-texts.ts'

/** A large body that arrives in pieces of this size. */
function pieceReader(raw: Buffer, pieceBytes: number): BodyReader {
  return {
    sizeBytes: raw.length,
    inMemory: () => null,
    async *read({ start, end }) {
      for (let at = start; at < end; at += pieceBytes) yield raw.subarray(at, Math.min(end, at + pieceBytes))
    },
  }
}

/** Which of the texts are found by BODY and by TEXT. */
async function find(
  raw: string | Buffer,
  texts: readonly string[],
  pieceBytes = 7,
): Promise<{ body: string[]; text: string[] }> {
  const bytes = Buffer.from(raw)
  const folded = texts.map(foldText)
  const needles = { body: new Set(folded), anywhere: new Set(folded) }
  const found = await findNeedles(pieceReader(bytes, pieceBytes), parseMessage(bytes).root, needles)
  const of = (place: 'body' | 'anywhere') => texts.filter((text) => found[place].has(foldText(text)))
  return { body: of('body'), text: of('anywhere') }
}

const mixed = [
  'Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= from',
  '\tafar',
  'Content-Type: multipart/mixed; boundary=b',
  '',
  'preamble',
  '--b',
  'Content-Type: text/plain; charset=iso-8859-1',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  'Stra=DFe und Caf=E9 in two li=',
  'nes',
  '--b',
  'Content-Type: application/octet-stream; name="report.bin"',
  'Content-Transfer-Encoding: base64',
  '',
  Buffer.from('hidden attachment').toString('base64'),
  '--b',
  'Content-Type: message/rfc822',
  '',
  'Subject: inner subject',
  'Content-Type: text/html; charset=utf-8',
  'Content-Transfer-Encoding: base64',
  '',
  Buffer.from('<p>ΟΔΥΣΣΕΥΣ ﬁne</p>').toString('base64'),
  '--b--',
].join('\r\n')

const rows: [text: string, where: 'body and text' | 'text' | 'nowhere'][] = [
  ['STRASSE', 'body and text'],
  ['straße', 'body and text'],
  ['café', 'body and text'],
  ['cafe', 'nowhere'], // accents count
  ['two lines', 'body and text'],
  ['οδυσσευς', 'body and text'],
  ['οδυσσευσ', 'body and text'],
  ['FINE', 'body and text'],
  ['', 'body and text'],
  ['grüsse from afar', 'text'],
  ['inner subject', 'text'],
  ['report.bin', 'text'],
  ['content-type: TEXT/html', 'text'],
  ['hidden attachment', 'nowhere'],
  ['preamble', 'nowhere'],
]
for (const [text, where] of rows) {
  test(`"${text}" is found in ${where}`, async () => {
    const found = await find(mixed, [text])
    assert.deepEqual(found, {
      body: where === 'body and text' ? [text] : [],
      text: where === 'nowhere' ? [] : [text],
    })
  })
}

test('many texts are looked for together', async () => {
  const found = await find(mixed, ['strasse', 'inner', 'nowhere at all', 'hidden'])
  assert.deepEqual(found, { body: ['strasse'], text: ['strasse', 'inner'] })
})

test('UTF-16 in base64', async () => {
  const encoded = Buffer.from('Zwei Wörter\nüber Zeilen', 'utf16le').toString('base64')
  const raw = `Content-Type: text/plain; charset=utf-16le\r\nContent-Transfer-Encoding: base64\r\n\r\n${encoded}`
  assert.deepEqual((await find(raw, ['wörter\nÜBER'])).body, ['wörter\nÜBER'])
})

const segmentBytes = 64 * 1024
for (const [filler, needle] of [
  ['no line end here ', 'the needle'],
  ['a line of text\r\n', 'the\r\nneedle'],
] as const) {
  test(`${JSON.stringify(needle)} is found wherever a large part is cut`, async () => {
    for (let before = segmentBytes - needle.length - 1; before <= segmentBytes + 1; before++) {
      const raw = `\r\n${filler.repeat(5000).slice(0, before)}${needle}${filler.repeat(5000)}`
      for (const pieceBytes of [segmentBytes, segmentBytes / 8, 200_000]) {
        const found = await find(raw, [needle, 'needles'], pieceBytes)
        assert.deepEqual(found.body, [needle], `${before} bytes before it, pieces of ${pieceBytes}`)
      }
    }
  })
}
