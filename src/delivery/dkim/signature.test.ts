/** What we sign is what mailauth verifies, for whatever people and programs send. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import { type DkimKey, type DkimSigner, dkimRecord } from '../../domains/dkim-keys.ts'
import { digestMessage, headerBytesMax } from './message-digest.ts'
import { signatureField } from './signature.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ed25519 = generateKeyPairSync('ed25519')
const signers: DkimSigner[] = [
  { domain: 'demo.example', selector: 'mwr1', algorithm: 'rsa-sha256', privateKey: rsa.privateKey },
  { domain: 'demo.example', selector: 'mwe1', algorithm: 'ed25519-sha256', privateKey: ed25519.privateKey },
]
const keys: DkimKey[] = [
  {
    algorithm: 'rsa-sha256',
    selector: 'mwr1',
    state: 'active',
    public_key: rsa.publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
  },
  {
    algorithm: 'ed25519-sha256',
    selector: 'mwe1',
    state: 'active',
    public_key: ed25519.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64'),
  },
]

async function resolver(name: string, type: string): Promise<string[][]> {
  const key = keys.find(({ selector }) => name === `${selector}._domainkey.demo.example`)
  if (type !== 'TXT' || key === undefined)
    throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
  return [[dkimRecord(key)]]
}

async function* cut(message: Buffer, chunkBytes: number): AsyncGenerator<Buffer, void> {
  for (let at = 0; at < message.length; at += chunkBytes) yield message.subarray(at, at + chunkBytes)
}

async function signed(message: Buffer, chunkBytes = 16_384): Promise<Buffer> {
  const digest = await digestMessage(cut(message, chunkBytes))
  assert.ok(digest !== null)
  const fields = await Promise.all(signers.map((signer) => signatureField(signer, digest, new Date())))
  return Buffer.concat([Buffer.from(fields.join(''), 'latin1'), message])
}

async function resultsOf(message: Buffer): Promise<string[]> {
  const { results } = await dkimVerify(message, { resolver, strict: true })
  return results.map(({ selector, status }) => `${selector} ${status.result}`)
}

const passes = ['mwr1 pass', 'mwe1 pass']

const piece = fc.constantFrom(
  ...[
    '\r\n',
    '\r\n',
    '\n',
    '\r\n\r\n',
    ' ',
    '\t',
    '  \t',
    ' \r\n',
    '\t\r\n',
    '.',
    '.\r\n',
    'x',
    'word ',
    '\0',
  ],
  ...['é', '\u2028', ';', '=', 'b=', 'l=1', 'From: x', '\rx', 'a'.repeat(80)],
)
const body = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''))
const value = fc
  .array(
    fc.constantFrom(
      'a',
      'Ann',
      ' ',
      '  ',
      '\t',
      '\r\n ',
      '\r\n\t',
      '\n ',
      'ü',
      ':',
      ';',
      '"',
      '<a@b>',
      '=?utf-8?q?x?=',
    ),
    {
      maxLength: 12,
    },
  )
  .map((words) => words.join(''))
const name = fc.constantFrom(
  ...['To', 'Cc', 'Subject', 'SUBJECT', 'Reply-To', 'Date', 'Message-ID', 'Received', 'X-Other', 'List-Id'],
  ...['Content-Type', 'DKIM-Signature-X', 'MIME-Version', 'Sender', 'From'],
)
const lineEnd = fc.constantFrom('\r\n', '\r\n', '\r\n', '\n')
const field = fc.tuple(name, fc.constantFrom(':', ': ', ' : '), value, lineEnd).map((parts) => parts.join(''))

test('random messages: odd line ends, folded and repeated fields, 8-bit, any chunks', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(field, { maxLength: 8 }),
      fc.constantFrom('\r\n', '\n', ''),
      body,
      fc.integer({ min: 1, max: 40 }),
      async (fields, blank, text, chunkBytes) => {
        const message = Buffer.from(
          `From: Ann <ann@demo.example>\r\n${fields.join('')}${blank}${blank === '' ? '' : text}`,
        )
        assert.deepEqual(await resultsOf(await signed(message, chunkBytes)), passes)
      },
    ),
    { numRuns: 600 },
  )
})

const message = Buffer.from(
  'From: Ann <ann@demo.example>\r\nTo: bob@x.example\r\nSubject: one\r\nList-Id: <l.example>\r\n\r\nText\r\n',
)

const changes: [what: string, change: (text: string) => string, expected: string][] = [
  ['nothing', (text) => text, 'pass'],
  ['white space at line ends', (text) => text.replace('Text', 'Text \t'), 'pass'],
  ['a trace field in front', (text) => `Received: from x\r\n${text}`, 'pass'],
  ['empty lines at the end', (text) => `${text}\r\n\r\n`, 'pass'],
  ['the body', (text) => text.replace('Text', 'Test'), 'neutral'],
  ['a line more', (text) => `${text}more\r\n`, 'neutral'],
  ['the subject', (text) => text.replace('one', 'two'), 'fail'],
  ['a second subject', (text) => text.replace('\r\nTo:', '\r\nSubject: two\r\nTo:'), 'fail'],
  ['a second author', (text) => text.replace('\r\nTo:', '\r\nFrom: x@y.example\r\nTo:'), 'fail'],
  ['a Reply-To', (text) => text.replace('\r\nTo:', '\r\nReply-To: x@y.example\r\nTo:'), 'fail'],
  ['a Cc', (text) => text.replace('\r\nTo:', '\r\nCc: x@y.example\r\nTo:'), 'fail'],
  ['a List-Post that a list adds', (text) => text.replace('\r\nTo:', '\r\nList-Post: x\r\nTo:'), 'pass'],
]
for (const [what, change, expected] of changes) {
  test(`changed on the way: ${what}: ${expected}`, async () => {
    const text = change((await signed(message)).toString('latin1'))
    const { results } = await dkimVerify(Buffer.from(text, 'latin1'), { resolver })
    assert.deepEqual(
      results.map(({ status }) => status.result),
      [expected, expected],
    )
  })
}

test('the fields keep to 78 characters a line, have a time and no length', async () => {
  const text = (await signed(message)).toString('latin1')
  const fields = text.slice(0, text.indexOf('From: Ann'))
  for (const line of fields.split('\r\n')) assert.ok(line.length <= 78, line)
  assert.match(fields, /; t=\d{10};/)
  assert.doesNotMatch(fields, /[; ]l=/)
})

test('a header that nobody writes is not held in memory', async () => {
  const endless = async function* () {
    for (;;) yield Buffer.alloc(headerBytesMax / 4, 'a')
  }
  assert.equal(await digestMessage(endless()), null)
})
