import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { transaction } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import {
  type ApiKey,
  createApiKey,
  getApiKey,
  listApiKeys,
  type NewApiKey,
  revokeApiKey,
  revokeMailboxKeys,
} from './api-keys.ts'
import { createInvitation, getInvitation } from './invitations.ts'
import type { Principal } from './principals.ts'
import { createWorkspace } from './workspaces.ts'

const t = await startTestPlatform()
after(() => t[Symbol.asyncDispose]())
const { platform, scope } = t
const { db } = platform
const everything = { limit: 200, after: null }
const { mailboxId } = await t.createMailbox()
const other = await transaction(db, (tx) =>
  createWorkspace(platform, tx, scope.organizationId, { name: 'Other' }),
)

function principal(more: Partial<Principal> = {}): Principal {
  return {
    kind: 'api_key',
    id: newId(),
    organizationId: scope.organizationId,
    workspaceId: null,
    otherWorkspaceIds: [],
    mailboxId: null,
    access: 'write',
    role: null,
    userId: null,
    expiresAt: null,
    ...more,
  }
}

const admin = principal()
const ofWorkspace = principal({ workspaceId: scope.workspaceId })
const ofMailbox = principal({ workspaceId: scope.workspaceId, mailboxId })

function wanted(more: Partial<NewApiKey> = {}): NewApiKey {
  return { name: 'test', workspaceId: null, mailboxId: null, access: 'write', expiresAt: null, ...more }
}

async function create(
  asker: Principal,
  key: NewApiKey = wanted(),
): Promise<{ apiKey: ApiKey; token: string }> {
  return await transaction(db, (tx) => createApiKey(platform, tx, asker, key))
}

async function revoke(asker: Principal, id: string): Promise<void> {
  await transaction(db, (tx) => revokeApiKey(platform, tx, asker, id))
}

async function eventsOf(type: string, id: string): Promise<number> {
  const { rows } =
    await sql`select 1 from events where type = ${type} and data ->> 'api_key_id' = ${id}`.execute(db)
  return rows.length
}

const inAnHour = new Date(platform.clock.now().getTime() + 3_600_000)
const inTwoHours = new Date(platform.clock.now().getTime() + 7_200_000)
const here = { workspaceId: scope.workspaceId }

const rows: [what: string, asker: Principal, key: Partial<NewApiKey>, allowed: boolean][] = [
  ['organization -> organization', admin, {}, true],
  ['organization -> workspace', admin, here, true],
  ['organization -> mailbox', admin, { ...here, mailboxId }, true],
  ['workspace -> organization', ofWorkspace, {}, false],
  ['workspace -> itself', ofWorkspace, here, true],
  ['workspace -> another workspace', ofWorkspace, { workspaceId: other.id }, false],
  ['workspace -> mailbox', ofWorkspace, { ...here, mailboxId }, true],
  ['mailbox -> workspace', ofMailbox, here, false],
  ['mailbox -> organization', ofMailbox, {}, false],
  ['mailbox -> itself', ofMailbox, { ...here, mailboxId }, true],
  ['mailbox -> another mailbox', ofMailbox, { ...here, mailboxId: newId() }, false],
  ['write -> read', admin, { access: 'read' }, true],
  ['read -> write', principal({ access: 'read' }), {}, false],
  ['read -> read', principal({ access: 'read' }), { access: 'read' }, false],
  ['an hour -> for ever', principal({ expiresAt: inAnHour }), {}, false],
  ['an hour -> two hours', principal({ expiresAt: inAnHour }), { expiresAt: inTwoHours }, false],
  ['an hour -> an hour', principal({ expiresAt: inAnHour }), { expiresAt: inAnHour }, true],
  ['two hours -> an hour', principal({ expiresAt: inTwoHours }), { expiresAt: inAnHour }, true],
  ['a session -> for ever', principal({ kind: 'session', role: 'admin', expiresAt: inAnHour }), {}, true],
  ['a member’s session -> everything', principal({ kind: 'session', role: 'member' }), {}, false],
  [
    'a member’s session -> a workspace',
    principal({ kind: 'session', role: 'member' }),
    { workspaceId: scope.workspaceId },
    true,
  ],
]
for (const [what, asker, key, allowed] of rows) {
  test(`${what} is ${allowed ? 'allowed' : 'forbidden'}`, async () => {
    if (!allowed) return await assert.rejects(create(asker, wanted(key)), { code: 'forbidden' })
    const { apiKey, token } = await create(asker, wanted(key))
    assert.match(token, /^mw_[\w-]{43}$/)
    assert.equal(apiKey.token_prefix, token.slice(0, 8))
    assert.equal(apiKey.workspace_id, key.workspaceId ?? null)
    assert.equal(apiKey.mailbox_id, key.mailboxId ?? null)
    assert.equal(
      apiKey.created_by,
      asker.userId === null ? `${asker.kind}:${asker.id}` : `user:${asker.userId}`,
    )
    assert.equal(await eventsOf('api_key.created', apiKey.id), 1)
  })
}

test('a key that would have expired already is refused', async () => {
  const past = new Date(platform.clock.now().getTime() - 1)
  await assert.rejects(create(admin, wanted({ expiresAt: past })), { code: 'invalid_request' })
})

test('the token is stored nowhere, and its digest is shown nowhere', async () => {
  const { apiKey, token } = await create(admin)
  const { rows: found } = await sql<{ text: string }>`
    select k::text as text from api_keys k where id = ${apiKey.id}
    union all select e::text from events e`.execute(db)
  assert.ok(found.length > 1)
  assert.ok(found.every(({ text }) => !text.includes(token)))
  assert.equal('token_sha256' in apiKey, false)
  assert.equal('token_sha256' in (await getApiKey(platform, admin, apiKey.id)), false)
})

test('each principal sees and revokes what lies within its reach', async () => {
  const [organizations, workspaces, others, mailboxes] = [
    await create(admin),
    await create(admin, wanted(here)),
    await create(admin, wanted({ workspaceId: other.id })),
    await create(admin, wanted({ ...here, mailboxId })),
  ].map(({ apiKey }) => apiKey.id)
  const made = [organizations, workspaces, others, mailboxes]
  const seenBy = async (asker: Principal): Promise<(string | undefined)[]> => {
    const page = await listApiKeys(platform, asker, everything)
    const seen = new Set(page.rows.map(({ id }) => id))
    return made.filter((id) => id !== undefined && seen.has(id))
  }
  assert.deepEqual(await seenBy(admin), made)
  assert.deepEqual(await seenBy(ofWorkspace), [workspaces, mailboxes])
  assert.deepEqual(await seenBy(ofMailbox), [mailboxes])
  assert.deepEqual(await seenBy(principal({ organizationId: newId() })), [])
  await assert.rejects(revoke(ofMailbox, workspaces ?? ''), { code: 'api_key_not_found' })
  await assert.rejects(revoke(ofWorkspace, others ?? ''), { code: 'api_key_not_found' })
  await revoke(ofWorkspace, mailboxes ?? '')
  assert.deepEqual(await seenBy(admin), [organizations, workspaces, others])
})

test('revoking again changes nothing, and a read-only key revokes nothing', async () => {
  const { apiKey } = await create(admin)
  await assert.rejects(revoke(principal({ access: 'read' }), apiKey.id), { code: 'forbidden' })
  await revoke(admin, apiKey.id)
  const { revoked_at: revokedAt } = await getApiKey(platform, admin, apiKey.id)
  assert.ok(revokedAt)
  await revoke(admin, apiKey.id)
  assert.deepEqual((await getApiKey(platform, admin, apiKey.id)).revoked_at, revokedAt)
  assert.equal(await eventsOf('api_key.revoked', apiKey.id), 1)
  for (const id of [newId(), 'x', '']) await assert.rejects(revoke(admin, id), { code: 'api_key_not_found' })
})

test('an organization’s key is revoked with the invitations that it made, and makes no more', async () => {
  const { apiKey } = await create(admin)
  const itself = principal({ id: apiKey.id })
  const invite = (email: string) =>
    transaction(db, (tx) =>
      createInvitation(platform, tx, itself, { email, role: 'admin', workspaceIds: null }),
    )
  const { invitation } = await invite('one@people.example')
  await revoke(admin, apiKey.id)
  assert.ok((await getInvitation(platform, admin, invitation.id)).revoked_at)
  // It was looked up before it was revoked.
  await assert.rejects(invite('two@people.example'), { code: 'forbidden' })
})

test('pages follow each other without a gap', async () => {
  for (let count = 0; count < 5; count++) await create(admin)
  const whole = (await listApiKeys(platform, admin, everything)).rows.map(({ id }) => id)
  const seen: string[] = []
  for (let last: string | null = null, more = true; more; ) {
    const page = await listApiKeys(platform, admin, { limit: 2, after: last })
    seen.push(...page.rows.map(({ id }) => id))
    more = page.nextCursor !== null
    last = seen.at(-1) ?? null
  }
  assert.deepEqual(seen, whole)
})

test('the keys of a mailbox that is gone are revoked, and no others', async () => {
  const gone = newId()
  const [bound, free] = [
    await create(admin, wanted({ ...here, mailboxId: gone })),
    await create(admin, wanted(here)),
  ]
  await transaction(db, (tx) => revokeMailboxKeys(platform, tx, gone))
  assert.ok((await getApiKey(platform, admin, bound.apiKey.id)).revoked_at)
  assert.equal((await getApiKey(platform, admin, free.apiKey.id)).revoked_at, null)
  assert.equal(await eventsOf('api_key.revoked', bound.apiKey.id), 1)
})
