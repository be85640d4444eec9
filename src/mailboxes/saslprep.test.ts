import assert from 'node:assert/strict'
import { test } from 'node:test'
import { saslPrep } from './saslprep.ts'

const cases: [what: string, text: string, want: string | null][] = [
  // RFC 4013 §3
  ['a soft hyphen is nothing', 'I\u00adX', 'IX'],
  ['nothing to do', 'user', 'user'],
  ['case stays', 'USER', 'USER'],
  ['NFKC', '\u00aa', 'a'],
  ['NFKC of one character into two', '\u2168', 'IX'],
  ['a control character', '\u0007', null],
  ['right to left that ends with a digit', '\u0627\u0031', null],
  // RFC 3454
  ['other spaces become a space', 'a\u00a0b\u3000c\u200bd', 'a b c d'],
  ['an accent is composed', 'e\u0301', '\u00e9'],
  ['right to left', '\u05d0\u05d1', '\u05d0\u05d1'],
  ['right to left with a letter of the other direction', '\u05d0x\u05d1', null],
  ['right to left with a digit inside', '\u0627\u0031\u0628', '\u0627\u0031\u0628'],
  ['private use', '\ue000', null],
  ['a noncharacter', '\ufffe', null],
  ['a lone surrogate', '\ud800', null],
  ['the replacement character', '\ufffd', null],
  ['a tag', '\u{e0041}', null],
  ['an order mark', 'a\u202eb', null],
  ['younger than Unicode 3.2', 'pass\u{1f600}', 'pass\u{1f600}'],
  ['empty', '', ''],
]
for (const [what, text, want] of cases) test(what, () => assert.equal(saslPrep(text), want))
