/** The dialects of InboxKit and Zapmail on a platform of the test's own: operations by their names in the contract, each reply checked. */
import assert from 'node:assert/strict'
import { type Contract, loadContract } from './contract.ts'
import { call, type Reply, startTestApi, type TestApi } from './test-api.ts'

export type VendorCall = {
  /** What the path's parameters are, in their order. */
  ids?: readonly string[]
  query?: Readonly<Record<string, string>>
  body?: unknown
  /** Null: none. Default: the bootstrap key. */
  key?: string | null
  /** Null: named nowhere. Default: the test's own. */
  workspace?: string | null
  headers?: Readonly<Record<string, string>>
}

export type TestVendor = TestApi & {
  contract: Contract
  /** Calls an operation, and holds its reply to the contract. */
  operate(id: string, options?: VendorCall): Promise<Reply>
  /** The same, for what the contract does not document. */
  unchecked(id: string, options?: VendorCall): Promise<Reply>
  /** A call by method and path below the prefix. */
  at(method: string, path: string, options?: VendorCall): Promise<Reply>
  /** The documented body of an operation. */
  exampleOf(id: string): unknown
  /**
   * Fails where an operation of this noun (its paths begin so) has a documented status that no checked reply had, but for
   * what cannot come about, each with its reason. A 500 cannot, and 404 where nothing is named but the workspace is tested once.
   */
  requireSeen(paths: RegExp, exceptions?: Readonly<Record<string, string>>): void
}

const headersOf = {
  inboxkit: { key: 'authorization', scheme: 'Bearer ', workspace: 'x-workspace-id' },
  zapmail: { key: 'x-auth-zapmail', scheme: '', workspace: 'x-workspace-key' },
} as const

export async function startTestVendor(
  name: keyof typeof headersOf,
  options: Parameters<typeof startTestApi>[0] = {},
): Promise<TestVendor> {
  const api = await startTestApi({ otherFaces: true, ...options })
  const contract = loadContract(name)
  const names = headersOf[name]
  const at: TestVendor['at'] = async (method, path, wanted = {}) => {
    const { query = {}, body, key = api.apiKey, workspace = api.scope.workspaceId, headers = {} } = wanted
    const search = new URLSearchParams(query).toString()
    return await call(api.base, '', method, `/${name}${path}${search === '' ? '' : `?${search}`}`, {
      key: null,
      headers: {
        ...(key === null ? {} : { [names.key]: names.scheme + key }),
        ...(workspace === null ? {} : { [names.workspace]: workspace }),
        ...headers,
      },
      body,
    })
  }
  const unchecked: TestVendor['unchecked'] = async (id, wanted = {}) => {
    const { method, path } = contract.operation(id)
    const left = [...(wanted.ids ?? [])]
    const filled = path.replace(/\{\w+\}/g, () => encodeURIComponent(left.shift() ?? 'none'))
    return await at(method, filled, method === 'GET' ? { ...wanted, body: undefined } : wanted)
  }
  return {
    ...api,
    contract,
    at,
    unchecked,
    operate: async (id, wanted) => contract.check(id, await unchecked(id, wanted)),
    exampleOf: (id) => contract.operation(id).bodies[0],
    requireSeen(paths, exceptions = {}) {
      const ours = new Set(contract.operations.filter(({ path }) => paths.test(path)).map(({ id }) => id))
      assert.ok(ours.size > 0, 'no path is so')
      const unseen = contract.unseen().filter((one) => ours.has(one.split(' ')[0] ?? ''))
      const open = unseen.filter((one) => !one.endsWith(' 500') && !(one in exceptions))
      assert.deepEqual(open, [], 'documented, and not seen')
      const idle = Object.keys(exceptions).filter((one) => !unseen.includes(one))
      assert.deepEqual(idle, [], 'an exception that was seen')
    },
  }
}
