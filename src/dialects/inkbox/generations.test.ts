/** The life of an agent as clients of three ages lead it, each written as the vendor's library of that age is. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, listAt, type Reply, textAt } from '../../testing/test-api.ts'
import { startInkbox, type TestInkbox } from '../../testing/test-inkbox.ts'

let inkbox: TestInkbox
before(async () => {
  inkbox = await startInkbox()
})
after(() => inkbox[Symbol.asyncDispose]())

/** Takes any 2xx as success, reads nothing from 204, and throws what `detail` says. */
function client(credential: 'x-service-token' | 'x-api-key') {
  return async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`${inkbox.base}/inkbox/api/v1${path}`, {
      method,
      headers: {
        [credential]: inkbox.adminKey,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if (response.status === 204) return undefined
    const json: unknown = await response.json()
    if (response.ok) return json
    throw new Error(`${response.status} ${JSON.stringify(at(json, 'detail'))}`)
  }
}

test('0.1: identities and mailboxes each by itself, linked and unlinked', async () => {
  const http = client('x-service-token')
  const identity = await http('POST', '/identities/', { agent_handle: 'old-agent' })
  assert.deepEqual([at(identity, 'mailbox'), at(identity, 'email_address')], [null, null])
  const mailbox = await http('POST', '/mail/mailboxes', {
    agent_handle: 'old-agent',
    display_name: 'Old agent',
  })
  assert.match(textAt(mailbox, 'email_address'), /@demo\.test$/)
  assert.deepEqual([at(mailbox, 'display_name'), at(mailbox, 'status')], ['Old agent', 'active'])
  await assert.rejects(
    http('POST', '/mail/mailboxes', { agent_handle: 'old-agent' }),
    /409 .*already has a mailbox/,
  )
  const address = textAt(mailbox, 'email_address')
  const named = await http('PATCH', `/mail/mailboxes/${address}`, { display_name: 'Older' })
  assert.equal(at(named, 'display_name'), 'Older')
  assert.equal(at(await http('GET', '/identities/old-agent'), 'mailbox', 'id'), at(mailbox, 'id'))
  assert.equal(await http('DELETE', '/identities/old-agent/mailbox'), undefined)
  const alone = await http('GET', '/identities/old-agent')
  assert.deepEqual([at(alone, 'mailbox'), at(alone, 'display_name')], [null, 'Older'])
  assert.equal(at(await http('GET', `/mail/mailboxes/${address}`), 'agent_identity_id'), null)
  await assert.rejects(http('DELETE', '/identities/old-agent/mailbox'), /404/)
  const second = await http('POST', '/identities/', { agent_handle: 'old-agent-2' })
  const linked = await http('POST', '/identities/old-agent-2/mailbox', { mailbox_id: at(mailbox, 'id') })
  assert.deepEqual([at(linked, 'id'), at(linked, 'mailbox', 'id')], [at(second, 'id'), at(mailbox, 'id')])
  const link = { mailbox_id: at(mailbox, 'id') }
  await assert.rejects(http('POST', '/identities/old-agent/mailbox', link), /409/)
  await http('PATCH', '/identities/old-agent-2', { status: 'paused' })
  assert.equal(at(await http('GET', `/mail/mailboxes/${address}`), 'status'), 'paused')
  await http('DELETE', `/mail/mailboxes/${address}`)
  const listed = listAt(await http('GET', '/mail/mailboxes')).map((one) => at(one, 'id'))
  assert.ok(!listed.includes(at(mailbox, 'id')))
  await http('DELETE', '/identities/old-agent-2')
  await http('DELETE', '/identities/old-agent')
  // Without a mailbox there is nothing to be restored: the handle is free at once.
  const again = await http('POST', '/identities/', {
    agent_handle: 'old-agent',
    mailbox: { email_local_part: 'chosen', display_name: 'Chosen' },
  })
  assert.deepEqual(
    [at(again, 'email_address'), at(again, 'mailbox', 'display_name')],
    ['chosen@demo.test', 'Chosen'],
  )
})

test('0.3: an identity and then its mailbox, with the header of today', async () => {
  const http = client('x-api-key')
  await http('POST', '/identities/', { agent_handle: 'middle-agent' })
  const body = { agent_handle: 'middle-agent', display_name: 'Middle', email_local_part: 'middle-post' }
  const mailbox = await http('POST', '/mail/mailboxes', body)
  assert.deepEqual(
    [at(mailbox, 'email_address'), at(mailbox, 'display_name')],
    ['middle-post@demo.test', 'Middle'],
  )
  const identity = await http('GET', '/identities/middle-agent')
  assert.deepEqual(
    [at(identity, 'email_address'), at(identity, 'mailbox', 'id')],
    ['middle-post@demo.test', at(mailbox, 'id')],
  )
  await assert.rejects(http('POST', '/mail/mailboxes', body), /409 "Agent identity already has a mailbox"/)
  const changed = await http('PATCH', '/mail/mailboxes/middle-post@demo.test', { display_name: 'Still' })
  assert.equal(at(changed, 'display_name'), 'Still')
  await http('POST', '/identities/', { agent_handle: 'middle-other' })
  const taken = { agent_handle: 'middle-other', email_local_part: 'middle-post' }
  await assert.rejects(http('POST', '/mail/mailboxes', taken), /409/)
  const kept = await http('POST', '/mail/mailboxes', { agent_handle: 'middle-other' })
  assert.equal(at(kept, 'email_address'), 'middle-other@demo.test')
  await http('DELETE', '/mail/mailboxes/middle-other@demo.test')
  const next = await http('POST', '/mail/mailboxes', {
    agent_handle: 'middle-other',
    email_local_part: 'next',
  })
  assert.equal(at(next, 'email_address'), 'next@demo.test')
  await http('DELETE', '/identities/middle-agent')
  await assert.rejects(http('GET', '/identities/middle-agent'), /404/)
})

/** 0.4 and later read this block, and throw where a host of it is empty. */
function tunnelOf(identity: unknown): string {
  const host = textAt(identity, 'tunnel', 'public_host')
  assert.ok(host !== '' && textAt(identity, 'tunnel', 'zone') !== '')
  return host
}

test('0.7: identity, mailbox and tunnel at once', async () => {
  const http = client('x-api-key')
  const made = await http('POST', '/identities', { agent_handle: '@new-agent', display_name: 'New agent' })
  assert.equal(tunnelOf(made), 'new-agent.demo.test')
  assert.equal(at(made, 'email_address'), 'new-agent@demo.test')
  const again = await http('GET', '/identities/new-agent')
  assert.deepEqual(again, made)
  const renamed = await http('PATCH', '/identities/new-agent', { display_name: null, description: 'Newer' })
  assert.deepEqual([at(renamed, 'display_name'), at(renamed, 'description')], [null, 'Newer'])
  const strict = await http('PATCH', '/identities/new-agent', { mail_inbound_filter_mode: 'whitelist' })
  assert.equal(at(strict, 'mailbox', 'inbound_filter_mode'), 'whitelist')
  const agent: Reply = await inkbox.call('GET', '/v1/identities/new-agent')
  assert.deepEqual(
    [at(agent.json, 'mail_rule'), at(agent.json, 'mailbox_id')],
    ['allow_list', at(made, 'mailbox', 'id')],
  )
  assert.equal(await http('DELETE', '/identities/new-agent'), undefined)
  await assert.rejects(http('GET', '/mail/mailboxes/new-agent@demo.test'), /404/)
})
