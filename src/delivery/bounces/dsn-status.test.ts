/** Status and ENVID of reports, row by row. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DsnKind } from './dsn-report.ts'
import { decodeXtext, statusOf } from './dsn-status.ts'

const statuses: [kind: DsnKind, reply: string | null, bounceClass: string | null, want: string][] = [
  ['failed', '550 5.1.1 unknown', 'unknown_recipient', '5.1.1'],
  ['failed', '550-5.7.26 no', 'authentication', '5.7.26'],
  ['failed', '550 no such user', 'unknown_recipient', '5.1.1'],
  ['failed', '552 too large', 'message_too_large', '5.3.4'],
  ['failed', '5.4.4 the domain has no mail server', 'dns', '5.4.4'],
  ['failed', 'no such domain', 'dns', '5.1.2'],
  ['failed', '451 4.3.2 later', 'expired', '4.4.7'],
  ['failed', null, 'a class of another version', '5.0.0'],
  ['failed', null, null, '5.0.0'],
  ['delayed', '451 4.3.2 later', 'other', '4.3.2'],
  ['delayed', '4.4.1 no connection', 'connection', '4.4.1'],
  ['delayed', '550 5.1.1 unknown', 'connection', '4.4.1'],
  ['relayed', '250 2.6.0 queued', null, '2.6.0'],
  ['relayed', '250 OK', null, '2.0.0'],
]
for (const [kind, reply, bounceClass, want] of statuses) {
  test(`${kind}: ${reply} (${bounceClass}) is ${want}`, () =>
    assert.equal(statusOf(kind, { reply, bounceClass }), want))
}

const texts: [xtext: string, want: string][] = [
  ['QQ314159', 'QQ314159'],
  ['a+2Bb+3Dc', 'a+b=c'],
  ['a+2bb', 'a+2bb'], // RFC 3461 §4: upper case only
  ['+', '+'],
]
for (const [xtext, want] of texts) {
  test(`xtext ${xtext}`, () => assert.equal(decodeXtext(xtext), want))
}
