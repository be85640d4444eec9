import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasEnhancedCode, replies } from './replies.ts'

const made = {
  unknownRecipient: replies.unknownRecipient(),
  recipientUnavailable: replies.recipientUnavailable(),
  recipientDisabled: replies.recipientDisabled(),
  mailboxFull: replies.mailboxFull(),
  largerThanQuota: replies.largerThanQuota(),
  recipientInvalid: replies.recipientInvalid('has no @'),
  relayDenied: replies.relayDenied(),
  bouncesOnly: replies.bouncesOnly(),
  senderNotOwned: replies.senderNotOwned(),
  smtputf8Needed: replies.smtputf8Needed(),
  messageTooBig: replies.messageTooBig(1000),
  recipientsGone: replies.recipientsGone(),
  senderBlocked: replies.senderBlocked(),
  loginNeeded: replies.loginNeeded(),
  tlsNeeded: replies.tlsNeeded(),
  loginRefused: replies.loginRefused(),
  tooManyLogins: replies.tooManyLogins(),
  tooManyRefusals: replies.tooManyRefusals(),
  unknownParameter: replies.unknownParameter(),
  tooManyConnections: replies.tooManyConnections(),
  notForYou: replies.notForYou(),
  bareLineEnds: replies.bareLineEnds(),
  parameterInvalid: replies.parameterInvalid('is wrong'),
  heldForLocal: replies.heldForLocal(),
  loginLocked: replies.loginLocked(),
  loginOver: replies.loginOver(),
  cannotStore: replies.cannotStore(),
  cannotAnswer: replies.cannotAnswer(),
} satisfies Record<keyof typeof replies, Error>

for (const [name, fault] of Object.entries(made)) {
  test(`${name}: its enhanced code is of the class of its reply code (RFC 2034 §4)`, () => {
    assert.ok(hasEnhancedCode(fault.message), fault.message)
    assert.equal(fault.message.charAt(0), String(fault.responseCode).charAt(0))
    assert.doesNotMatch(fault.message, /[^\x20-\x7e]/)
    assert.equal(fault.blame, name.startsWith('cannot') ? 'server' : 'client')
  })
}

const rows: [text: unknown, has: boolean][] = [
  ['5.7.1 No', true],
  ['2.6.0 Accepted', true],
  ['5.7.1', false],
  ['3.7.1 No', false],
  ['No 5.7.1 ', false],
  ['5.1234.1 No', false],
  ['', false],
  [null, false],
  [['5.7.1 No'], false],
]
for (const [text, has] of rows) {
  test(`${JSON.stringify(text)} ${has ? 'brings' : 'does not bring'} its enhanced code`, () => {
    assert.equal(hasEnhancedCode(text), has)
  })
}
