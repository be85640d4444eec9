/** Aliases, forwards, catch-alls, domain aliases, forwarding, autoreplies and filters by API, refused input included. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { at, type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'

let api: TestApi
const call = (method: string, path: string, body?: unknown) =>
  api.call(method, path, body === undefined ? {} : { body })

before(async () => {
  api = await startTestApi()
  await api.createMailbox('ann@demo.test')
  await api.createMailbox('bob@demo.test')
  await api.connectActiveDomain('real.example')
  await api.connectActiveDomain('second.example')
  await call('POST', '/v1/domains', { name: 'waiting.example' })
  await call('POST', '/v1/domains', { name: 'box.test' })
})
after(() => api[Symbol.asyncDispose]())

function firstError(reply: Reply): string {
  return `${textAt(reply.json, 'errors', 0, 'pointer')} ${textAt(reply.json, 'errors', 0, 'detail')}`
}

describe('aliases', () => {
  const path = '/v1/mailboxes/ann@demo.test/aliases'

  test('made, listed, used to find the mailbox, and taken away', async () => {
    const made = await call('POST', path, { address: 'Sales@Demo.test' })
    assert.equal(made.status, 201)
    assert.equal(textAt(made.json, 'id'), 'sales@demo.test')
    const listed = await call('GET', path)
    assert.deepEqual(at(listed.json, 'data'), [made.json])
    assert.equal(
      textAt((await call('GET', '/v1/mailboxes/sales@demo.test')).json, 'address'),
      'ann@demo.test',
    )
    assert.equal((await call('DELETE', `${path}/sales@demo.test`)).status, 204)
    assert.equal(refusal(await call('DELETE', `${path}/sales@demo.test`)), '404 address_not_found')
    assert.deepEqual(at((await call('GET', path)).json, 'data'), [])
  })

  const refused: [address: string, want: string][] = [
    ['bob@demo.test', '409 address_taken'],
    ['ann@demo.test', '409 address_taken'],
    ['no address', '422 address_invalid'],
    ['@demo.test', '422 address_invalid'],
    ['a@elsewhere.example', '404 domain_not_found'],
  ]
  for (const [address, want] of refused) {
    test(`${address}: ${want}`, async () =>
      assert.equal(refusal(await call('POST', path, { address })), want))
  }

  test('a mailbox’s own address is no alias to take away', async () => {
    assert.equal(refusal(await call('DELETE', `${path}/ann@demo.test`)), '404 address_not_found')
  })

  test('a key of one mailbox gives it no addresses', async () => {
    const mailbox = await call('GET', '/v1/mailboxes/ann@demo.test')
    const key = await api.key({ workspaceId: api.scope.workspaceId, mailboxId: textAt(mailbox.json, 'id') })
    const reply = await api.call('POST', path, { key, body: { address: 'x@demo.test' } })
    assert.equal(refusal(reply), '403 forbidden')
  })
})

describe('forwards', () => {
  const path = '/v1/domains/real.example/forwards'

  test('made, listed by pages, and removed', async () => {
    for (const name of ['c', 'a', 'b']) {
      const targets = ['far@example.com', 'FAR@example.com', 'ann@demo.test']
      const made = await call('POST', path, { address: `${name}@real.example`, targets })
      assert.equal(made.status, 201)
      assert.deepEqual(at(made.json, 'targets'), ['far@example.com', 'ann@demo.test'])
    }
    const first = await call('GET', `${path}?limit=2`)
    assert.deepEqual(
      [0, 1].map((n) => textAt(first.json, 'data', n, 'id')),
      ['a@real.example', 'b@real.example'],
    )
    const second = await call('GET', `${path}?limit=2&cursor=${textAt(first.json, 'next_cursor')}`)
    assert.equal(textAt(second.json, 'data', 0, 'id'), 'c@real.example')
    assert.equal(at(second.json, 'next_cursor'), null)
    assert.equal((await call('DELETE', `${path}/a@real.example`)).status, 204)
    assert.equal(refusal(await call('DELETE', `${path}/a@real.example`)), '404 address_not_found')
    assert.equal((await call('GET', `${path}?cursor=AAAA`)).status, 200)
  })

  const refused: [what: string, body: unknown, want: string][] = [
    ['no targets', { address: 'x@real.example', targets: [] }, '400 invalid_request'],
    [
      'too many',
      { address: 'x@real.example', targets: Array.from({ length: 51 }, (_, n) => `a${n}@b.example`) },
      '400 invalid_request',
    ],
    ['another domain', { address: 'x@demo.test', targets: ['ann@demo.test'] }, '422 address_invalid'],
    ['taken', { address: 'b@real.example', targets: ['ann@demo.test'] }, '409 address_taken'],
    ['no address', { address: 'x@real.example', targets: ['nobody'] }, '422 forward_target_invalid'],
    ['itself', { address: 'x@real.example', targets: ['X@real.example'] }, '422 forward_target_invalid'],
    [
      'unknown here',
      { address: 'x@real.example', targets: ['nobody@demo.test'] },
      '422 forward_target_invalid',
    ],
    [
      'an unknown sandbox',
      { address: 'x@real.example', targets: ['a@unknown.test'] },
      '422 forward_target_invalid',
    ],
  ]
  for (const [what, body, want] of refused) {
    test(`${what}: ${want}`, async () => assert.equal(refusal(await call('POST', path, body)), want))
  }

  test('the problem names the target', async () => {
    const body = { address: 'x@real.example', targets: ['far@example.com', 'nobody@demo.test'] }
    assert.equal(
      firstError(await call('POST', path, body)),
      '/targets/1 "nobody@demo.test" is an unknown address of your own domain.',
    )
  })

  test('mail of a sandbox domain stays on the platform', async () => {
    const body = { address: 'x@box.test', targets: ['far@example.com'] }
    assert.equal(
      refusal(await call('POST', '/v1/domains/box.test/forwards', body)),
      '422 forward_target_invalid',
    )
    const inside = { address: 'x@box.test', targets: ['ann@demo.test', 'b@real.example'] }
    assert.equal((await call('POST', '/v1/domains/box.test/forwards', inside)).status, 201)
  })
})

describe('the catch-all', () => {
  const path = '/v1/domains/second.example/catch-all'

  test('to a mailbox, to targets, and gone', async () => {
    assert.equal(refusal(await call('GET', path)), '404 address_not_found')
    const mailbox = await call('PUT', path, { mailbox: 'bob@demo.test' })
    assert.equal(mailbox.status, 200)
    assert.match(textAt(mailbox.json, 'mailbox_id'), /^[\w-]{36}$/)
    const targets = await call('PUT', path, { targets: ['far@example.com'] })
    assert.deepEqual(at(targets.json, 'targets'), ['far@example.com'])
    assert.equal(at((await call('GET', path)).json, 'mailbox_id'), null)
    assert.equal((await call('DELETE', path)).status, 204)
    assert.equal(refusal(await call('DELETE', path)), '404 address_not_found')
  })

  const refused: [body: unknown, want: string][] = [
    [{}, '400 invalid_request'],
    [{ mailbox: 'bob@demo.test', targets: ['a@b.example'] }, '400 invalid_request'],
    [{ mailbox: 'nobody@demo.test' }, '404 mailbox_not_found'],
    [{ targets: ['nobody@second.example'] }, '422 forward_target_invalid'],
  ]
  for (const [body, want] of refused) {
    test(`${JSON.stringify(body)}: ${want}`, async () =>
      assert.equal(refusal(await call('PUT', path, body)), want))
  }
})

describe('domain aliases', () => {
  const path = '/v1/domains/demo.test/aliases'

  test('made, listed, and undone; no chains', async () => {
    const made = await call('POST', path, { domain: 'second.example' })
    assert.equal(made.status, 201)
    assert.equal(textAt(made.json, 'alias_of'), 'demo.test')
    assert.deepEqual(at((await call('GET', path)).json, 'data'), [made.json])
    const refused: [string, string, string][] = [
      ['demo.test', 'second.example', '409 domain_alias_conflict'],
      ['second.example', 'real.example', '409 domain_alias_conflict'],
      ['real.example', 'demo.test', '409 domain_alias_conflict'],
      ['real.example', 'real.example', '409 domain_alias_conflict'],
      ['demo.test', 'none.example', '404 domain_not_found'],
    ]
    for (const [of, domain, want] of refused) {
      assert.equal(
        refusal(await call('POST', `/v1/domains/${of}/aliases`, { domain })),
        want,
        `${domain} of ${of}`,
      )
    }
    const catchAll = await call('PUT', '/v1/domains/second.example/catch-all', { mailbox: 'bob@demo.test' })
    assert.equal(refusal(catchAll), '409 domain_alias_conflict')
    assert.equal((await call('DELETE', `${path}/second.example`)).status, 204)
    assert.equal(refusal(await call('DELETE', `${path}/second.example`)), '404 domain_alias_not_found')
    await call('PUT', '/v1/domains/second.example/catch-all', { mailbox: 'bob@demo.test' })
    assert.equal(refusal(await call('POST', path, { domain: 'second.example' })), '409 domain_alias_conflict')
  })
})

describe('forwarding of a mailbox', () => {
  const path = '/v1/mailboxes/bob@demo.test/forwarding'

  test('none, set, and none again', async () => {
    assert.deepEqual((await call('GET', path)).json, { targets: [], keep_copy: true })
    const wanted = { targets: ['ann@demo.test', 'b@real.example'], keep_copy: false }
    assert.deepEqual((await call('PUT', path, wanted)).json, wanted)
    assert.deepEqual((await call('GET', path)).json, wanted)
    assert.deepEqual((await call('PUT', path, { targets: [], keep_copy: false })).json, {
      targets: [],
      keep_copy: true,
    })
  })

  const refused: [targets: string[], want: string][] = [
    [['bob@demo.test'], '422 forward_target_invalid'],
    [['far@example.com'], '422 forward_target_invalid'], // a sandbox mailbox
    [Array.from({ length: 11 }, (_, n) => `a${n}@real.example`), '400 invalid_request'],
  ]
  for (const [targets, want] of refused) {
    test(`${targets[0]} …: ${want}`, async () => {
      assert.equal(refusal(await call('PUT', path, { targets, keep_copy: true })), want)
    })
  }
})

describe('the autoreply of a mailbox', () => {
  const path = '/v1/mailboxes/bob@demo.test/autoreply'

  test('off, and set', async () => {
    assert.equal(at((await call('GET', path)).json, 'enabled'), false)
    const wanted = {
      enabled: true,
      subject: null,
      text: 'I am away.',
      starts_at: '2026-01-01T00:00:00.000Z',
      ends_at: '2026-02-01T00:00:00.000Z',
      days: 3,
    }
    assert.deepEqual((await call('PUT', path, wanted)).json, wanted)
    assert.deepEqual((await call('GET', path)).json, wanted)
  })

  const refused: [body: Record<string, unknown>, pointer: string][] = [
    [{ enabled: true, text: ' ' }, '/text'],
    [
      { enabled: true, text: 'x', starts_at: '2026-02-01T00:00:00Z', ends_at: '2026-01-01T00:00:00Z' },
      '/ends_at',
    ],
    [{ enabled: true, text: 'x', days: 0 }, '/days'],
    [{ enabled: true, text: 'x'.repeat(20_000) }, '/text'],
  ]
  for (const [body, pointer] of refused) {
    test(`what is wrong is named: ${pointer}`, async () => {
      const reply = await call('PUT', path, body)
      assert.equal(refusal(reply), '400 invalid_request')
      assert.equal(textAt(reply.json, 'errors', 0, 'pointer'), pointer)
    })
  }
})

describe('filters', () => {
  const path = '/v1/mailboxes/bob@demo.test/filters'
  const names = async (active: boolean) => {
    const { json } = await call('GET', path)
    const data = at(json, 'data')
    return (Array.isArray(data) ? data : [])
      .filter((one) => at(one, 'active') === active)
      .map((one) => textAt(one, 'name'))
  }

  test('stored, one of them active, read and deleted', async () => {
    assert.equal((await call('PUT', `${path}/work`, { script: 'keep;', active: true })).status, 201)
    assert.equal((await call('PUT', `${path}/play%20time`, { script: 'discard;' })).status, 201)
    assert.deepEqual([await names(true), await names(false)], [['work'], ['play time']])
    assert.equal((await call('POST', `${path}/play%20time/activate`)).status, 200)
    assert.deepEqual([await names(true), await names(false)], [['play time'], ['work']])
    const again = await call('PUT', `${path}/play%20time`, { script: 'stop;' })
    assert.deepEqual([again.status, at(again.json, 'active')], [200, true], 'it stays the active one')
    assert.equal((await call('POST', `${path}/play%20time/deactivate`)).status, 200)
    assert.deepEqual(await names(true), [])
    assert.equal(textAt((await call('GET', `${path}/work`)).json, 'script'), 'keep;')
    assert.equal((await call('DELETE', `${path}/work`)).status, 204)
    for (const [method, rest] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/activate'],
    ] as const) {
      assert.equal(refusal(await call(method, `${path}/work${rest}`)), '404 filter_not_found')
    }
  })

  test('mistakes are told with their places, and nothing is stored', async () => {
    const reply = await call('PUT', `${path}/bad`, { script: 'keep;\nfly;\nfileinto "x";' })
    assert.equal(refusal(reply), '422 filter_invalid')
    assert.equal(firstError(reply), '/script Line 2, column 1: There is no command "fly".')
    assert.match(textAt(reply.json, 'errors', 1, 'detail'), /^Line 3, column 1: .*require "fileinto"/)
    assert.equal(refusal(await call('GET', `${path}/bad`)), '404 filter_not_found')
  })

  test('check says the same without storing', async () => {
    assert.deepEqual((await call('POST', `${path}/check`, { script: 'keep;' })).json, {
      valid: true,
      problems: [],
    })
    const checked = await call('POST', `${path}/check`, { script: 'if {' })
    assert.equal(checked.status, 200)
    assert.equal(at(checked.json, 'valid'), false)
    assert.deepEqual(at(checked.json, 'problems', 0, 'line'), 1)
  })

  test('a mailbox has at most 20, whose names have no control characters', async () => {
    assert.equal(refusal(await call('PUT', `${path}/a%0Ab`, { script: 'keep;' })), '422 filter_invalid')
    for (let n = 0; n < 19; n++) await call('PUT', `${path}/n${n}`, { script: 'keep;' })
    assert.equal(refusal(await call('PUT', `${path}/more`, { script: 'keep;' })), '409 filter_limit_reached')
    assert.equal((await call('PUT', `${path}/n1`, { script: 'stop;' })).status, 200)
  })
})
