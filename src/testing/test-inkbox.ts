/** The dialect of Inkbox over a socket, as its clients call it, with every reply held to the contract. */
import assert from 'node:assert/strict'
import { createApiKey } from '../accounts/api-keys.ts'
import { createIdentity, type Identity } from '../mailboxes/identities.ts'
import { transaction } from '../platform/database.ts'
import { type Contract, loadContract } from './contract.ts'
import { call, type Reply, startTestApi, type TestApi } from './test-api.ts'
import { loggedIn } from './test-members.ts'

export type InkboxCall = {
  /** Of the path, by name; percent-encoded on their way. */
  path?: Record<string, string>
  query?: Record<string, string | number | boolean>
  body?: unknown
  headers?: Record<string, string>
  /** Default: the admin key. Null: none. */
  key?: string | null
}

export type TestAgent = { identity: Identity; key: string }

export type TestInkbox = TestApi & {
  contract: Contract
  /** A key of the whole workspace, in the vendor's shape. */
  adminKey: string
  /** The token of a session of an admin. */
  session: string
  /** An identity with a mailbox `HANDLE@demo.test`, and a key that is bound to it. */
  agent(handle: string): Promise<TestAgent>
  /** Calls an operation of the contract by its id and checks status, headers and body against it. */
  inkbox(operationId: string, options?: InkboxCall): Promise<Reply>
  /** A call by method and path below /inkbox/api/v1, which is checked against nothing. */
  raw(method: string, path: string, options?: Omit<InkboxCall, 'path' | 'query'>): Promise<Reply>
}

export async function startInkbox(environment: Record<string, string> = {}): Promise<TestInkbox> {
  await using stack = new AsyncDisposableStack()
  const api = stack.use(await startTestApi({ environment, otherFaces: true }))
  const contract = loadContract('inkbox')
  const adminKey = await keyOf(api, null)
  const { key: session } = await loggedIn(api, 'admin')
  const running = stack.move()
  const raw: TestInkbox['raw'] = (method, path, { body, headers = {}, key = adminKey } = {}) =>
    call(api.base, adminKey, method, `/inkbox/api/v1${path}`, {
      body,
      headers: { ...credentials(key), ...headers },
      key: null,
    })
  return {
    ...api,
    contract,
    adminKey,
    session,
    raw,
    async agent(handle) {
      const wanted = { handle, displayName: null, description: null, owner: 'test', mailbox: null }
      const mailbox = { address: `${handle}@demo.test` }
      const { platform, scope } = api
      const identity = await transaction(platform.db, (tx) =>
        createIdentity(platform, tx, scope, { ...wanted, mailbox }),
      )
      return { identity, key: await keyOf(api, identity.mailbox_id) }
    },
    async inkbox(operationId, { path = {}, query = {}, ...options } = {}) {
      const operation = contract.operation(operationId)
      const filled = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
        const value = path[name]
        assert.ok(value !== undefined, `${operationId} needs ${name} in its path`)
        return encodeURIComponent(value)
      })
      const search = new URLSearchParams()
      for (const [name, value] of Object.entries(query)) search.set(name, String(value))
      const reply = await raw(operation.method, search.size > 0 ? `${filled}?${search}` : filled, options)
      return contract.check(operationId, reply)
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** Sessions come as a bearer token, keys in a header of their own. */
function credentials(key: string | null): Record<string, string> {
  if (key === null) return {}
  return key.startsWith('mws_') ? { authorization: `Bearer ${key}` } : { 'x-api-key': key }
}

/** @param mailboxId null: of the whole workspace. */
async function keyOf({ platform, scope }: TestApi, mailboxId: string | null): Promise<string> {
  const principal = {
    kind: 'api_key',
    id: 'test',
    organizationId: scope.organizationId,
    workspaceId: null,
    otherWorkspaceIds: [],
    mailboxId: null,
    access: 'write',
    role: null,
    userId: null,
    expiresAt: null,
  } as const
  const { token } = await transaction(platform.db, (tx) =>
    createApiKey(platform, tx, principal, {
      name: 'test',
      workspaceId: scope.workspaceId,
      mailboxId,
      access: 'write',
      expiresAt: null,
      format: 'inkbox',
    }),
  )
  return token
}
