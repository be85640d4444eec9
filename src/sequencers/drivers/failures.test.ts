/** Every shape that these tools have for errors, and what it means. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SequencerErrorKind } from '../driver.ts'
import { failureOf, saysError } from './failures.ts'
import { withoutSecrets } from './reading.ts'

type Case = [status: number, body: unknown, kind: SequencerErrorKind, words: string, ofAccount?: boolean]

const cases: Case[] = [
  // {statusCode, error, message}
  [
    401,
    { statusCode: 401, error: 'Unauthorized', message: 'Invalid API key' },
    'bad_key',
    'Invalid API key; Unauthorized',
  ],
  [
    402,
    { statusCode: 402, error: 'Payment Required', message: 'No paid plan' },
    'no_plan',
    'No paid plan; Payment Required',
  ],
  [
    403,
    { message: 'The key has not the scope accounts:create' },
    'bad_key',
    'The key has not the scope accounts:create',
  ],
  [403, { message: 'Your plan has no API' }, 'no_plan', 'Your plan has no API'],
  [403, '<html>Attention required</html>', 'upstream', ''],
  [404, { message: 'Account not found' }, 'gone', 'Account not found', true],
  [404, { message: 'Not Found' }, 'unreachable', 'Not Found'],
  [409, { statusCode: 409, message: 'Account exists' }, 'duplicate', 'Account exists'],
  [429, {}, 'rate_limited', ''],
  [500, { message: 'Server Error' }, 'upstream', 'Server Error'],
  [503, 'out of order', 'upstream', 'out of order'],
  [408, '', 'upstream', ''],
  // {ok, message, error}
  [
    400,
    { ok: false, message: 'SMTP connection failed', error: 'Invalid credentials' },
    'connect_failed',
    'SMTP connection failed; Invalid credentials',
  ],
  [400, { ok: false, message: 'Could not log in to IMAP' }, 'connect_failed', 'Could not log in to IMAP'],
  [200, { ok: false, message: 'Email account already exists' }, 'duplicate', 'Email account already exists'],
  // {validation: {source, keys}}
  [
    400,
    {
      statusCode: 400,
      error: 'Bad Request',
      message: '"x" is required',
      validation: { source: 'body', keys: ['x'] },
    },
    'validation',
    '"x" is required; Bad Request; x',
  ],
  // {error: {code, message}}
  [
    400,
    { error: { code: 'INVALID', message: 'smtp_port must be a number' } },
    'validation',
    'smtp_port must be a number',
  ],
  // Laravel's, with and without data
  [
    422,
    {
      data: { success: false, message: 'Invalid', errors: { email: ['The email has already been taken.'] } },
    },
    'duplicate',
    'Invalid; email: The email has already been taken.',
  ],
  [
    422,
    { message: 'Invalid', errors: { name: ['Too long.', 'Odd.'] } },
    'validation',
    'Invalid; name: Too long.; name: Odd.',
  ],
  // lists of words and of objects
  [
    400,
    { message: ['port must be a number', 'host is empty'] },
    'validation',
    'port must be a number; host is empty',
  ],
  [400, { code: 'BAD_REQUEST', details: ['smtp_email: invalid'] }, 'validation', 'smtp_email: invalid'],
  [
    400,
    { success: false, errors: [{ title: 'Bad', detail: 'No seats left' }] },
    'no_plan',
    'No seats left; Bad',
  ],
  [
    400,
    { title: 'Bad Request', status: 400, errors: { connection: ['email is missing'] } },
    'validation',
    'connection: email is missing; Bad Request',
  ],
  // an error in a success
  [200, { status: 'error', message: 'Invalid API key' }, 'bad_key', 'Invalid API key'],
  [200, { statusCode: 404, message: 'Account not found' }, 'gone', 'Account not found', true],
  [200, { error: true, message: 'Too many requests' }, 'rate_limited', 'Too many requests'],
  [200, { success: false }, 'unreachable', ''],
  [200, { errors: { email: ['is odd'] } }, 'validation', 'email: is odd'],
  // refusals that are about hosts, not about a login
  [
    400,
    { message: 'Gmail SMTP/IMAP connections are not allowed' },
    'validation',
    'Gmail SMTP/IMAP connections are not allowed',
  ],
  [418, { odd: 'shape' }, 'validation', ''],
]

const call = { method: 'POST', path: '/' } as const

for (const [status, body, kind, words, ofAccount = false] of cases) {
  test(`${status} ${JSON.stringify(body)} is ${kind}`, () => {
    const isText = typeof body === 'string'
    const text = isText ? body : JSON.stringify(body)
    const reply = { status, retryAfterMs: 1000, text, json: isText ? undefined : body }
    if (status < 300) assert.ok(saysError(body))
    const error = failureOf({ tool: 'Tool', call, ofAccount, secrets: [] }, reply)
    assert.deepEqual(
      [error.kind, error.message],
      [kind, `Tool answered ${status}${words === '' ? '' : `: ${words}`}`],
    )
    assert.equal(error.retryAfterMs, kind === 'rate_limited' ? 1000 : null)
    assert.equal(error.maybeDone, kind === 'upstream' || kind === 'unreachable')
    const read = failureOf({ tool: 'Tool', call: { ...call, reads: true }, ofAccount, secrets: [] }, reply)
    assert.equal(read.maybeDone, false)
  })
}

test('a success is none of them', () => {
  const fine = [
    { status: 1 },
    { status: 'success' },
    { ok: true, message: 'added', data: { id: 1 } },
    { errors: [] },
    { error: null, errors: {} },
    { error: '' },
    [{ error: 'x' }],
    null,
    'success',
    { statusCode: 200 },
    { data: { status: 'Not connected' } },
  ]
  for (const body of fine) assert.equal(saysError(body), false, JSON.stringify(body))
})

test('secrets are blacked out in every form that they are sent in', () => {
  const secret = 'p"ä/ß&1'
  const words = `a ${secret} b ${encodeURIComponent(secret)} c ${JSON.stringify(secret)}`
  assert.equal(withoutSecrets(words, [secret]), 'a *** b *** c "***"')
  assert.equal(withoutSecrets('a smtp b', ['smt', '']), 'a smtp b', 'too short to be one')
})
