import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseBody } from './testing.ts'

const rows: [line: string, want: unknown][] = [
  ['GETQUOTA ""', { name: 'GETQUOTA', root: '' }],
  ['GETQUOTA "!partition/sda4"', { name: 'GETQUOTA', root: '!partition/sda4' }], // RFC 9208 §4.1.1
  ['getquotaroot inbox', { name: 'GETQUOTAROOT', mailbox: 'INBOX' }],
  ['GETQUOTAROOT {3}\r\na/b', { name: 'GETQUOTAROOT', mailbox: 'a/b' }],
  ['SETQUOTA "" (STORAGE 512)', { name: 'SETQUOTA', root: '', limits: [['STORAGE', 512]] }],
  [
    'SETQUOTA "#user/alice" (storage 510 MESSAGE 9223372036854775807)',
    {
      name: 'SETQUOTA',
      root: '#user/alice',
      limits: [
        ['STORAGE', 510],
        ['MESSAGE', Number.MAX_SAFE_INTEGER],
      ],
    },
  ],
  ['SETQUOTA "" ()', { name: 'SETQUOTA', root: '', limits: [] }],
  ['GETQUOTA', 'BAD Expected a space'],
  ['GETQUOTA a b', 'BAD Unexpected text after the arguments'],
  ['GETQUOTAROOT ""', 'NO [CANNOT] No mailbox can have that name'],
  ['SETQUOTA ""', 'BAD Expected a space'],
  ['SETQUOTA "" STORAGE 1', 'BAD Expected ('],
  ['SETQUOTA "" (STORAGE)', 'BAD Expected a space'],
  ['SETQUOTA "" (STORAGE -1)', 'BAD Expected a number'],
  ['SETQUOTA "" (STORAGE 9223372036854775808)', 'BAD Number too large'],
]
for (const [line, want] of rows) test(line, () => assert.deepEqual(parseBody(line), want))
