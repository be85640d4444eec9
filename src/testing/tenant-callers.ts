/** Who calls a tenant's routes and must not get through: by another tenant's keys, by lesser ones, by none. */
import type { Role } from '../accounts/roles.ts'
import { serveZone } from './tenant-objects.ts'
import { type TestApi, textAt } from './test-api.ts'
import { loggedIn } from './test-members.ts'

export type Caller = {
  name: string
  key: string | null
  headers?: Readonly<Record<string, string>>
  /** What it has itself, by the path up to the parameter. */
  own?: ReadonlyMap<string, string>
  /** Properties that would name what is its own, too. */
  mayName?: readonly string[]
  /** What of the tenant's it may see in lists. */
  sees?: readonly string[]
  /** It reaches what another of these does by another way: calls in their plain form tell that. */
  isLikeAnother?: boolean
  /** It reaches what is the whole organization's, whatever workspace the call is about. */
  reachesOrganization?: boolean
}

export type Callers = {
  /** Of other organizations and workspaces, with something of their own. */
  strangers: Caller[]
  /** Within the tenant's workspace, but bound to another mailbox of it. */
  neighbours: Caller[]
  /** Of the tenant's workspace, but without the right to change anything. */
  readers: Caller[]
  /** With nothing that counts. */
  nobodies: Caller[]
}

/** @param otherWorkspaceId another workspace of the tenant's organization. */
export async function makeCallers(api: TestApi, otherWorkspaceId: string): Promise<Callers> {
  return {
    strangers: [...(await otherOrganizations(api)), ...(await otherWorkspaces(api, otherWorkspaceId))],
    neighbours: await makeNeighbours(api),
    readers: [
      { name: 'a key that may read', key: await api.key({ access: 'read' }) },
      { name: 'a viewer', key: await session(api, 'viewer') },
      {
        name: 'a viewer of the workspace',
        key: await session(api, 'viewer', { workspaceIds: [api.scope.workspaceId] }),
      },
    ],
    nobodies: [
      { name: 'no key', key: null },
      { name: 'an unknown key', key: 'mw_nobody_ever_made_this_key_0123456789' },
      { name: 'an expired key', key: await api.key({ expiresAt: new Date(0) }) },
      { name: 'a revoked key', key: await revokedKey(api) },
    ],
  }
}

async function session(api: TestApi, role: Role, more: Parameters<typeof loggedIn>[2] = {}): Promise<string> {
  return (await loggedIn(api, role, more)).key
}

async function otherOrganizations(api: TestApi): Promise<Caller[]> {
  const { organizationId, workspaceId, key } = await api.tenant()
  const own = await ownThings(api, 'foreign.test', workspaceId, { key })
  return [
    { name: 'a key of another organization', key, own },
    {
      name: 'an owner of another organization',
      key: await session(api, 'owner', { organizationId }),
      own,
      isLikeAnother: true,
    },
  ]
}

async function otherWorkspaces(api: TestApi, workspaceId: string): Promise<Caller[]> {
  const headers = { 'mailwright-workspace': workspaceId }
  const own = await ownThings(api, 'next.test', workspaceId, { key: api.apiKey, headers })
  const bound = { own, mayName: ['organization_id'] }
  const unbound = { own, headers, reachesOrganization: true }
  const workspaceIds = [workspaceId]
  return [
    { name: 'a key of another workspace', key: await api.key({ workspaceId }), ...bound },
    {
      name: 'a member of another workspace',
      key: await session(api, 'member', { workspaceIds }),
      isLikeAnother: true,
      ...bound,
    },
    {
      name: 'a viewer of another workspace',
      key: await session(api, 'viewer', { workspaceIds }),
      isLikeAnother: true,
      ...bound,
    },
    { name: 'the same key in another workspace', key: api.apiKey, ...unbound },
    {
      name: 'an admin in another workspace',
      key: await session(api, 'admin'),
      isLikeAnother: true,
      ...unbound,
    },
  ]
}

/** A domain and a mailbox of a stranger's own. */
async function ownThings(
  api: TestApi,
  domain: string,
  workspaceId: string,
  caller: { key: string; headers?: Record<string, string> },
): Promise<Map<string, string>> {
  const connected = await api.call('POST', '/v1/domains', { ...caller, body: { name: domain } })
  await serveZone(api, domain)
  const mailbox = await api.call('POST', '/v1/mailboxes', {
    ...caller,
    body: { address: `own@${domain}` },
  })
  return new Map([
    ['/v1/workspaces/{workspace}', workspaceId],
    ['/v1/domains/{domain}', textAt(connected.json, 'id')],
    ['/v1/mailboxes/{mailbox}', textAt(mailbox.json, 'id')],
  ])
}

async function makeNeighbours(api: TestApi): Promise<Caller[]> {
  const { mailboxId, address } = await api.createMailbox('neighbour@demo.test')
  const made = await api.call('POST', `/v1/mailboxes/${mailboxId}/app-passwords`, { body: { name: 'own' } })
  const { workspaceId } = api.scope
  const domain = await api.call('GET', '/v1/domains/demo.test')
  const shared = {
    own: new Map([['/v1/mailboxes/{mailbox}', mailboxId]]),
    mayName: ['organization_id', 'workspace_id', 'workspace_ids', 'domain', 'domain_id'],
    sees: [workspaceId, 'demo.test', textAt(domain.json, 'id')],
  }
  return [
    { name: 'a key of another mailbox', key: await api.key({ workspaceId, mailboxId }), ...shared },
    {
      name: 'an app password of another mailbox',
      key: null,
      headers: basic(address, textAt(made.json, 'password')),
      ...shared,
    },
  ]
}

/** RFC 7617 §2. */
function basic(address: string, password: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${address}:${password}`).toString('base64')}` }
}

async function revokedKey(api: TestApi): Promise<string> {
  const { json } = await api.call('POST', '/v1/api-keys', { body: { name: 'revoked' } })
  await api.call('DELETE', `/v1/api-keys/${textAt(json, 'id')}`)
  return textAt(json, 'token')
}
