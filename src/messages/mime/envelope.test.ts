import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Envelope, parseMessage } from './structure.ts'

const envelopeOf = (header: string): Envelope => parseMessage(Buffer.from(`${header}\r\n\r\n`)).envelope
const ann = { name: null, mailbox: 'ann', host: 'a.test' }
const bob = { name: null, mailbox: 'bob', host: 'a.test' }

test('absent fields are null or empty', () => {
  const nothing = { from: [], sender: [], replyTo: [], to: [], cc: [], bcc: [] }
  const strings = { date: null, subject: null, inReplyTo: null, messageId: null }
  assert.deepEqual(envelopeOf('X: y'), { ...nothing, ...strings })
})

test('a present but empty field is an empty string (RFC 9051 §7.5.2)', () => {
  const { subject, date } = envelopeOf('Subject:\r\nDate: ')
  assert.deepEqual([subject, date], ['', ''])
})

test('sender and reply-to default to from, also when they are empty', () => {
  const { sender, replyTo } = envelopeOf('From: ann@a.test\r\nSender: \r\nReply-To: ')
  assert.deepEqual([sender, replyTo], [[ann], [ann]])
})

test('sender and reply-to of their own', () => {
  const { from, sender, replyTo } = envelopeOf(
    'From: ann@a.test\r\nSender: bob@a.test\r\nReply-To: bob@a.test',
  )
  assert.deepEqual([from, sender, replyTo], [[ann], [bob], [bob]])
})

test('of repeated fields the first counts, and recipients are joined (RFC 5322 §4.5.3)', () => {
  const repeated =
    'Subject: 1\r\nSubject: 2\r\nFrom: ann@a.test\r\nFrom: bob@a.test\r\nTo: ann@a.test\r\nTO: bob@a.test'
  const { subject, from, to } = envelopeOf(repeated)
  assert.deepEqual([subject, from, to], ['1', [ann], [ann, bob]])
})

test('text stays encoded, and is unfolded', () => {
  assert.equal(envelopeOf('Subject: =?utf-8?Q?=C3=B6?=\r\n\tx').subject, '=?utf-8?Q?=C3=B6?=\tx')
})
