import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type MessageSummary, summaryLimits, summaryOf } from './message-summary.ts'
import { parseMessage } from './mime/structure.ts'

const of = (header: string): MessageSummary => summaryOf(parseMessage(Buffer.from(`${header}\r\n\r\nhello`)))

test('says who wrote to whom about what, decoded', () => {
  const header = [
    'From: =?utf-8?q?J=C3=B6rg?= <joerg@a.test>, other@a.test',
    'To: team: ann@b.test, "Bob, B." <bob@b.test>;',
    'Cc: carol@b.test',
    'Subject: =?utf-8?b?R3LDvMOfZQ==?= and more',
    'Message-ID: <1@a.test>',
  ].join('\r\n')
  assert.deepEqual(of(header), {
    from: { address: 'joerg@a.test', name: 'Jörg' },
    to: [
      { address: 'ann@b.test', name: null },
      { address: 'bob@b.test', name: 'Bob, B.' },
    ],
    subject: 'Grüße and more',
    internet_message_id: '1@a.test',
  })
})

test('what is missing is null', () => {
  assert.deepEqual(of('X: y'), { from: null, to: [], subject: null, internet_message_id: null })
})

test('every part has a bound', () => {
  const many = Array.from({ length: 50 }, (_, n) => `r${n}@b.test`).join(', ')
  const summary = of(
    `From: "${'n'.repeat(500)}" <${'l'.repeat(500)}@a.test>\r\nTo: ${many}\r\nSubject: ${'s'.repeat(5000)}`,
  )
  assert.equal(summary.to.length, summaryLimits.toMax)
  assert.equal(summary.subject?.length, summaryLimits.subjectCharsMax)
  assert.equal(summary.from?.name?.length, summaryLimits.nameCharsMax)
  assert.equal(summary.from?.address.length, summaryLimits.addressCharsMax)
})

test('whatever the header has, it is small and can be stored', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 3000 }),
      fc.uint8Array({ maxLength: 300 }),
      (text, bytes) => {
        const raw = Buffer.concat([
          Buffer.from(`Subject: ${text}\r\nFrom: "${text}" <a@b.test>\r\nTo: `),
          bytes,
          Buffer.from(`\r\nMessage-ID: <${text}>\r\n\r\n`),
        ])
        const json = JSON.stringify(summaryOf(parseMessage(raw)))
        assert.ok(json.length < 20_000)
        assert.ok(!json.includes('\\u0000') && !/\\ud[89a-f]/.test(json), json)
      },
    ),
  )
})
