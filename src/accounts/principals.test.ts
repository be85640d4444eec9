import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { transaction } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import { openSecondNode } from '../testing/test-node.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import { insertApiKey, type NewApiKey, revokeApiKey } from './api-keys.ts'
import {
  type Principal,
  requireOrganization,
  requireWorkspace,
  requireWrite,
  startAuthenticator,
} from './principals.ts'
import { apiKeyPrefix, newToken } from './tokens.ts'
import { createWorkspace, deleteWorkspace } from './workspaces.ts'

const stack = new AsyncDisposableStack()
after(() => stack.disposeAsync())
const t = stack.use(await startTestPlatform())
const { platform, scope } = t
const authenticator = startAuthenticator(platform)
stack.defer(() => authenticator.stop())

async function makeKey(
  wanted: Partial<NewApiKey> = {},
  organizationId = scope.organizationId,
): Promise<{ token: string; id: string }> {
  const token = newToken(apiKeyPrefix)
  const all = { name: 'test', workspaceId: null, mailboxId: null, access: 'write' as const, expiresAt: null }
  const { id } = await transaction(platform.db, (tx) =>
    insertApiKey(platform, tx, organizationId, { ...all, ...wanted }, token),
  )
  return { token: token.token, id }
}

async function makeWorkspace(organizationId = scope.organizationId, isDefault = false): Promise<string> {
  const { id } = await transaction(platform.db, (tx) =>
    createWorkspace(platform, tx, organizationId, { name: 'Other', isDefault }),
  )
  return id
}

async function makeOrganization(): Promise<{ id: string; workspaceId: string }> {
  const id = newId()
  await platform.db
    .insertInto('organizations')
    .values({ id, name: 'Other', created_at: new Date() })
    .execute()
  return { id, workspaceId: await makeWorkspace(id, true) }
}

async function principalOf(token: string, node = authenticator): Promise<Principal> {
  const principal = await node.authenticate(token)
  assert.ok(principal)
  return principal
}

test('the bootstrap key is the whole organization’s', async () => {
  const { id, ...principal } = await principalOf(t.apiKey)
  assert.ok(id)
  assert.deepEqual(principal, {
    kind: 'api_key',
    organizationId: scope.organizationId,
    workspaceId: null,
    otherWorkspaceIds: [],
    mailboxId: null,
    access: 'write',
    role: null,
    userId: null,
    expiresAt: null,
  })
})

for (const token of ['', 'mw_unknown', 'mws_unknown', 'x'.repeat(10_000)]) {
  test(`the token ${JSON.stringify(token.slice(0, 12))} (${token.length}) is nobody’s`, async () => {
    assert.equal(await authenticator.authenticate(token), null)
  })
}

test('a key ends at its moment, also when it is remembered', async () => {
  const expiresAt = new Date(platform.clock.now().getTime() + 3_600_000)
  const { token } = await makeKey({ expiresAt })
  assert.ok(await authenticator.authenticate(token))
  platform.clock.advance?.('PT59M')
  assert.ok(await authenticator.authenticate(token))
  platform.clock.advance?.('PT1M1S')
  assert.equal(await authenticator.authenticate(token), null)
})

test('a revoked key ends at once, on every node that remembers it', async () => {
  const second = await openSecondNode(stack, t)
  const elsewhere = startAuthenticator(second)
  stack.defer(() => elsewhere.stop())
  const { token, id } = await makeKey()
  await principalOf(token)
  await principalOf(token, elsewhere)
  const admin = await principalOf(t.apiKey)
  await transaction(platform.db, (tx) => revokeApiKey(platform, tx, admin, id))
  assert.equal(await authenticator.authenticate(token), null)
  const deadline = Date.now() + 5000
  while ((await elsewhere.authenticate(token)) && Date.now() < deadline) await sleep(10)
  assert.equal(await elsewhere.authenticate(token), null)
})

test('without a header it is the default workspace, with one the workspace named', async () => {
  const principal = await principalOf(t.apiKey)
  assert.deepEqual(await authenticator.scopeOf(principal, null), {
    organizationId: scope.organizationId,
    workspaceId: scope.workspaceId,
    mailboxId: null,
    access: 'write',
    actor: `api_key:${principal.id}`,
  })
  const other = await makeWorkspace()
  assert.equal((await authenticator.scopeOf(principal, other)).workspaceId, other)
  assert.equal((await authenticator.scopeOf(principal, other.toUpperCase())).workspaceId, other)
})

test('a workspace of another organization, a deleted and an unknown one are not found', async () => {
  const principal = await principalOf(t.apiKey)
  const deleted = await makeWorkspace()
  assert.ok(await authenticator.scopeOf(principal, deleted))
  await transaction(platform.db, (tx) => deleteWorkspace(platform, tx, principal, deleted, async () => true))
  const { workspaceId: foreign } = await makeOrganization()
  for (const asked of [foreign, deleted, newId(), 'default', '', `${scope.workspaceId}'`]) {
    await assert.rejects(authenticator.scopeOf(principal, asked), { code: 'workspace_not_found' }, asked)
  }
})

test('a key of one workspace means that workspace, and reaches no other', async () => {
  const own = await makeWorkspace()
  const principal = await principalOf((await makeKey({ workspaceId: own })).token)
  assert.equal((await authenticator.scopeOf(principal, null)).workspaceId, own)
  assert.equal((await authenticator.scopeOf(principal, own)).workspaceId, own)
  await assert.rejects(authenticator.scopeOf(principal, scope.workspaceId), { code: 'workspace_not_found' })
})

test('a key of a deleted workspace is nobody’s', async () => {
  const own = await makeWorkspace()
  const { token } = await makeKey({ workspaceId: own })
  const admin = await principalOf(t.apiKey)
  assert.ok(await authenticator.authenticate(token))
  await transaction(platform.db, (tx) => deleteWorkspace(platform, tx, admin, own, async () => true))
  assert.equal(await authenticator.authenticate(token), null)
})

test('a key of one mailbox carries it into its scope', async () => {
  const { mailboxId } = await t.createMailbox()
  const { token } = await makeKey({ workspaceId: scope.workspaceId, mailboxId, access: 'read' })
  const found = await authenticator.scopeOf(await principalOf(token), null)
  assert.deepEqual([found.mailboxId, found.access], [mailboxId, 'read'])
  assert.throws(() => requireWorkspace(found), { code: 'forbidden' })
  assert.throws(() => requireWrite(found), { code: 'forbidden' })
})

test('what only a key of the organization may do, no other may', async () => {
  const principal = await principalOf(t.apiKey)
  requireOrganization(principal)
  requireWorkspace(principal)
  requireWrite(principal)
  assert.throws(() => requireOrganization({ ...principal, workspaceId: newId() }), { code: 'forbidden' })
  assert.throws(() => requireOrganization({ ...principal, mailboxId: newId() }), { code: 'forbidden' })
})

test('the last use of each key is written, at the latest at the stop', async () => {
  const short = startAuthenticator(platform)
  const [used, unused] = [await makeKey(), await makeKey()]
  const before = platform.clock.now()
  await short.authenticate(used.token)
  await short.authenticate(used.token)
  await short.stop()
  const rows = await platform.db
    .selectFrom('api_keys')
    .select(['id', 'last_used_at'])
    .where('id', 'in', [used.id, unused.id])
    .execute()
  const lastUse = new Map(rows.map((row) => [row.id, row.last_used_at]))
  assert.ok((lastUse.get(used.id)?.getTime() ?? 0) >= before.getTime())
  assert.equal(lastUse.get(unused.id), null)
})
