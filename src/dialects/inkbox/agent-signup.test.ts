/** Agents that sign up by themselves, against the contract and through their whole life. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { acceptInvitation } from '../../accounts/invitation-acceptance.ts'
import { createSession } from '../../accounts/sessions.ts'
import { expireSignups } from '../../mailboxes/signups/end.ts'
import { newId } from '../../platform/ids.ts'
import { unmet } from '../../testing/inkbox-operations.ts'
import { at, listAt, textAt } from '../../testing/test-api.ts'
import { startInkbox, type TestInkbox } from '../../testing/test-inkbox.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { loggedIn, type TestMember } from '../../testing/test-members.ts'
import type { TestMailbox } from '../../testing/test-platform.ts'
import { rawMessages } from '../../testing/test-smtp.ts'

let inkbox: TestInkbox
let human: TestMailbox
before(async () => {
  inkbox = await startInkbox({ MAILWRIGHT_AGENT_SIGNUP: 'on' })
  const shared = await inkbox.call('PUT', '/v1/domains/demo.test/shared')
  assert.equal(at(shared.json, 'is_shared'), true)
  human = await inkbox.createMailbox('owner@demo.test')
  await inkbox.createMailbox('colleague-x@demo.test')
})
after(() => inkbox[Symbol.asyncDispose]())

/** So that the limit of signups from one network is not what a test meets. */
function anHourLater(hours = 1): void {
  inkbox.platform.clock.advance?.(`PT${hours}H1M`)
}

type Agent = { key: string; address: string; organizationId: string }

async function signUp(more: Record<string, unknown> = {}): Promise<Agent> {
  anHourLater()
  const body = { human_email: human.address, note_to_human: 'I answer quotes for you.', ...more }
  const { status, json, text } = await inkbox.inkbox('signupAgent', { key: null, body })
  assert.equal(status, 201, text)
  return {
    key: textAt(json, 'api_key'),
    address: textAt(json, 'email_address'),
    organizationId: textAt(json, 'organization_id'),
  }
}

/** What the human, or another, was mailed last, from that address. */
async function lastMail(from: string, mailboxId = human.mailboxId): Promise<string> {
  await runJobs(inkbox.platform)
  const texts = (await rawMessages(inkbox.platform, mailboxId)).map((raw) => raw.toString())
  return texts.filter((text) => text.includes(from)).at(-1) ?? ''
}

async function codeFor({ address }: Agent, to = human.mailboxId): Promise<string> {
  return codeIn(await lastMail(address, to))
}

const codeIn = (mail: string): string => /^ {4}(\d{6})\r$/m.exec(mail)?.[1] ?? ''

const wrongFor = (code: string): string => (code === '000000' ? '000001' : '000000')

async function verify({ key }: Agent, code: string): Promise<number> {
  const reply = await inkbox.inkbox('verifyAgentSignup', { key, body: { verification_code: code } })
  return reply.status
}

async function send({ key, address }: Agent, to: string): Promise<number> {
  const body = { to: [to], subject: 'Hello', text: 'Hi' }
  return (await inkbox.call('POST', `/v1/mailboxes/${address}/messages`, { key, body })).status
}

test('an agent signs up, is held back, is claimed by the code, and is free', async () => {
  const [example] = inkbox.contract.operation('signupAgent').bodies
  const agent = await signUp({ ...Object(example), human_email: human.address })
  assert.equal(agent.address, 'quote-desk@demo.test')
  const status = await inkbox.inkbox('getAgentSignupStatus', { key: agent.key })
  assert.deepEqual(at(status.json, 'restrictions'), {
    max_sends_per_day: 5,
    allowed_recipients: [human.address],
    can_receive: true,
    can_create_mailboxes: false,
  })
  const whoami = await inkbox.inkbox('whoami', { key: agent.key })
  assert.equal(textAt(whoami.json, 'auth_subtype'), 'api_key.agent_scoped.unclaimed')
  assert.equal(textAt(whoami.json, 'creator_type'), 'agent')

  const mail = await lastMail(agent.address)
  assert.match(mail, /^> I answer quotes for you\.\r$/m)
  assert.match(mail, /^From: .*quote-desk@demo\.test/m)
  const folders = await inkbox.call('GET', `/v1/mailboxes/${agent.address}/messages`, { key: agent.key })
  assert.deepEqual(at(folders.json, 'data'), [], 'the agent cannot read the code itself')

  const other = await inkbox.createMailbox('other@demo.test')
  assert.equal(await send(agent, other.address), 403)
  for (let sent = 0; sent < 5; sent++) assert.equal(await send(agent, human.address), 202)
  assert.equal(await send(agent, human.address), 429)
  const webhook = { url: 'https://hooks.example/x', event_types: ['message.received'] }
  const call = (method: string, path: string, body: unknown) =>
    inkbox.call(method, path, { key: agent.key, body })
  assert.equal((await call('POST', '/v1/webhooks', webhook)).status, 403)
  const mailbox = `/v1/mailboxes/${agent.address}`
  const forwarding = await call('PUT', `${mailbox}/forwarding`, {
    targets: [other.address],
    keep_copy: true,
  })
  assert.equal(at(forwarding.json, 'code'), 'agent_unclaimed')
  const filter = await call('PUT', `${mailbox}/filters/f`, { script: 'keep;' })
  assert.equal(at(filter.json, 'code'), 'agent_unclaimed')

  const code = codeIn(mail)
  assert.equal(await verify(agent, wrongFor(code)), 401)
  const claimed = await inkbox.inkbox('verifyAgentSignup', {
    key: agent.key,
    body: { verification_code: code },
  })
  assert.equal(textAt(claimed.json, 'claim_status'), 'agent_claimed')
  assert.equal(textAt(claimed.json, 'organization_id'), agent.organizationId)
  assert.equal(await verify(agent, code), 404, 'it is claimed already')
  assert.equal(await send(agent, other.address), 202)
  assert.equal(await send(agent, human.address), 202)
  const now = await inkbox.inkbox('getAgentSignupStatus', { key: agent.key })
  assert.deepEqual(at(now.json, 'restrictions', 'allowed_recipients'), [])
  const again = await inkbox.inkbox('resendAgentSignupVerification', { key: agent.key })
  assert.equal(again.status, 404)

  const token = /mwi_[\w-]+/.exec((await lastMail(agent.address)).replaceAll('=\r\n', ''))?.[0] ?? ''
  const password = 'the new password of a human'
  const accepted = await acceptInvitation(inkbox.platform, { token, name: null, password }, '127.0.0.1')
  assert.deepEqual([accepted.email, accepted.role], [human.address, 'owner'])
  const session = await createSession(inkbox.platform, human.address, password, '127.0.0.1')
  const keys = await inkbox.inkbox('listApiKeys', { key: session.token })
  assert.deepEqual(
    listAt(keys.json).map((one) => at(one, 'last4')),
    [agent.key.slice(-4)],
  )
})

const bad: [what: string, more: Record<string, unknown>, status: number][] = [
  ['a handle that is taken', { agent_handle: 'quote-desk' }, 409],
  ['a handle whose address is taken', { agent_handle: 'colleague-x' }, 409],
  ['a reserved handle', { agent_handle: 'admin' }, 422],
  ['no address', { human_email: 'x' }, 422],
  ['no note', { note_to_human: undefined }, 422],
  ['a note that is too long', { note_to_human: 'x'.repeat(2001) }, 422],
  ['another local part', { agent_handle: 'abc', email_local_part: 'def' }, 422],
  ['an invitation', { invitation_token: 'x' }, 422],
]
for (const [what, more, status] of bad) {
  test(`signing up with ${what} is ${status}`, async () => {
    anHourLater()
    const body = { human_email: human.address, note_to_human: 'Hi', ...more }
    assert.equal((await inkbox.inkbox('signupAgent', { key: null, body })).status, status)
  })
}

test('codes are guessed five times, asked for every five minutes, and end after two days', async () => {
  const agent = await signUp()
  const code = await codeFor(agent)
  for (let guess = 0; guess < 5; guess++) assert.equal(await verify(agent, wrongFor(code)), 401)
  assert.equal(await verify(agent, code), 429, 'the right one comes too late')
  const soon = await inkbox.inkbox('resendAgentSignupVerification', { key: agent.key })
  assert.equal(soon.status, 429)
  assert.ok(Number(soon.headers.get('retry-after')) > 0)
  anHourLater()
  assert.equal((await inkbox.inkbox('resendAgentSignupVerification', { key: agent.key })).status, 200)
  const next = await codeFor(agent)
  anHourLater(49)
  assert.equal(await verify(agent, next), 410)
  assert.equal((await inkbox.inkbox('resendAgentSignupVerification', { key: agent.key })).status, 200)
  const last = await codeFor(agent)
  const both = await Promise.all([verify(agent, last), verify(agent, last)])
  assert.deepEqual(both.sort(), [200, 404])
})

test('who may verify, resend and look', async () => {
  const { key } = await inkbox.agent('ordinary')
  for (const [id, body] of [
    ['verifyAgentSignup', { verification_code: '123456' }],
    ['resendAgentSignupVerification', undefined],
    ['getAgentSignupStatus', undefined],
  ] as const) {
    assert.equal((await inkbox.inkbox(id, { key: null, body })).status, 401)
    assert.equal((await inkbox.inkbox(id, { key, body })).status, 404, 'it did not sign up by itself')
  }
  const body = { verification_code: '12345x' }
  assert.equal((await inkbox.inkbox('verifyAgentSignup', { key, body })).status, 422)
  assert.equal((await inkbox.raw('GET', '/agent-signup/status')).status, 403)
})

test('two signups of one handle: one gets it', async () => {
  anHourLater()
  const body = { human_email: 'two@demo.test', note_to_human: '', agent_handle: 'only-one' }
  const replies = await Promise.all([0, 1].map(() => inkbox.inkbox('signupAgent', { key: null, body })))
  assert.deepEqual(replies.map(({ status }) => status).sort(), [201, 409])
})

test('a network signs up three times in an hour, also at the same moment', async () => {
  anHourLater(2)
  const statuses = await Promise.all(
    [1, 2, 3, 4, 5].map(async (n) => {
      const body = { human_email: `h${n}@demo.test`, note_to_human: 'Hi' }
      return (await inkbox.inkbox('signupAgent', { key: null, body })).status
    }),
  )
  assert.deepEqual(statuses.sort(), [201, 201, 201, 429, 429])
})

test('three unclaimed agents wait for a human, and no agent is another’s human', async () => {
  const waiting: Agent[] = []
  for (let n = 0; n < 3; n++) waiting.push(await signUp({ human_email: 'busy@demo.test' }))
  anHourLater()
  const body = { human_email: 'BUSY@demo.test', note_to_human: 'Hi' }
  const { status } = await inkbox.inkbox('signupAgent', { key: null, body })
  assert.equal(status, 429)
  const chained = { human_email: waiting[0]?.address, note_to_human: 'Hi' }
  assert.equal((await inkbox.inkbox('signupAgent', { key: null, body: chained })).status, 422)
})

test('a human who is logged in approves and rejects', async () => {
  const boss: TestMember = await loggedIn(inkbox, 'owner')
  const { key: session } = await loggedIn(inkbox, 'admin')
  const first = await signUp({ human_email: boss.email, agent_handle: 'to-approve' })
  const second = await signUp({ human_email: boss.email, agent_handle: 'to-reject' })
  const pending = await inkbox.inkbox('listPendingAgentSignups', { key: boss.key })
  const ids = listAt(pending.json, 'agents').map((one) => textAt(one, 'identity_id'))
  assert.deepEqual(
    listAt(pending.json, 'agents').map((one) => at(one, 'agent_handle')),
    ['to-approve', 'to-reject'],
  )
  const [approved = '', rejected = ''] = ids
  const organization = `org_${inkbox.scope.workspaceId}`
  const approve = async (key: string | null, id: string, organizationId = organization): Promise<number> => {
    const body = { organization_id: organizationId }
    return (await inkbox.inkbox('approveAgentSignup', { key, path: { identity_id: id }, body })).status
  }
  const reject = async (key: string | null, id: string): Promise<number> =>
    (await inkbox.inkbox('rejectAgentSignup', { key, path: { identity_id: id } })).status
  const viewer = await loggedIn(inkbox, 'viewer')
  for (const [key, status] of [
    [null, 401],
    [inkbox.adminKey, 403],
    [first.key, 403],
    [session, 404],
  ] as const) {
    assert.equal(await approve(key, approved), status)
    assert.equal(await reject(key, approved), status)
    if (status === 404) continue
    assert.equal((await inkbox.inkbox('listPendingAgentSignups', { key })).status, status)
  }
  assert.equal(await approve(viewer.key, approved), 403)
  assert.equal(await approve(boss.key, newId()), 404)
  assert.equal(await approve(boss.key, approved, `org_${newId()}`), 404)
  assert.equal(await approve(boss.key, approved, 'x'), 404)
  assert.equal(await approve(boss.key, approved), 200)
  assert.equal(await approve(boss.key, approved), 404)
  assert.equal(await send(first, human.address), 202)

  assert.equal(await reject(boss.key, rejected), 204)
  assert.equal(await reject(boss.key, rejected), 404)
  assert.equal((await inkbox.inkbox('whoami', { key: second.key })).status, 401)
  await runJobs(inkbox.platform)
  const left = await inkbox.inkbox('listPendingAgentSignups', { key: boss.key })
  assert.deepEqual(at(left.json, 'agents'), [])
  const again = await signUp({ human_email: 'somebody@demo.test', agent_handle: 'to-reject' })
  assert.equal(again.address, 'to-reject@demo.test', 'the handle is free')
})

test('a user whom another organization made with the human’s address gets nothing of the agent', async () => {
  const { organizationId, workspaceId } = await inkbox.tenant()
  const impostor = await loggedIn(inkbox, 'owner', { organizationId })
  const victim = await inkbox.createMailbox('victim@demo.test')
  const { db } = inkbox.platform
  await db.updateTable('users').set({ email: victim.address }).where('id', '=', impostor.id).execute()
  const agent = await signUp({ human_email: victim.address, agent_handle: 'not-theirs' })
  const { key } = impostor
  const pending = await inkbox.inkbox('listPendingAgentSignups', { key })
  assert.deepEqual(at(pending.json, 'agents'), [])
  const { mailbox_id } = await db
    .selectFrom('identities')
    .select(['id', 'mailbox_id'])
    .where('handle', '=', 'not-theirs')
    .executeTakeFirstOrThrow()
  const { identity_id } = await db
    .selectFrom('agent_signups')
    .select('identity_id')
    .where('mailbox_id', '=', mailbox_id)
    .executeTakeFirstOrThrow()
  const body = { organization_id: `org_${workspaceId}` }
  const path = { identity_id }
  assert.equal((await inkbox.inkbox('approveAgentSignup', { key, path, body })).status, 404)
  assert.equal((await inkbox.inkbox('rejectAgentSignup', { key, path })).status, 404)
  assert.equal(await verify(agent, await codeFor(agent, victim.mailboxId)), 200)
  const members = await db
    .selectFrom('members')
    .select('organization_id')
    .where('user_id', '=', impostor.id)
    .execute()
  assert.deepEqual(
    members,
    [{ organization_id: organizationId }],
    'only an invitation makes somebody its owner',
  )
})

test('what nobody claims ends after thirty days', async () => {
  const agent = await signUp({ human_email: 'nobody@demo.test', agent_handle: 'forgotten' })
  anHourLater(31 * 24)
  while ((await expireSignups(inkbox.platform)) > 0);
  assert.equal((await inkbox.inkbox('whoami', { key: agent.key })).status, 401)
})

test('it is off without a shared domain, and says so', async () => {
  await inkbox.call('DELETE', '/v1/domains/demo.test/shared')
  const body = { human_email: human.address, note_to_human: 'Hi' }
  const { status, json } = await inkbox.raw('POST', '/agent-signup/', { key: null, body })
  assert.equal(`${status} ${textAt(json, 'detail', 'error')}`, '403 feature_not_enabled')
})

test('every documented status was met, or cannot be', () => {
  assert.deepEqual(unmet(inkbox.contract, 'agent-signup'), [])
})
