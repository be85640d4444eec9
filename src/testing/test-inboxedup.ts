/** The dialect of InboxedUp on a platform of the test's own: its operations by their names in the contract, each reply checked. */
import { type Contract, loadContract } from './contract.ts'
import { call, type Reply, startTestApi, type TestApi } from './test-api.ts'

export type InboxedUpCall = {
  /** What the path's parameter is. */
  id?: string
  body?: unknown
  /** Null: none. Default: the bootstrap key. */
  key?: string | null
}

export type TestInboxedUp = TestApi & {
  contract: Contract
  /** Calls an operation, and holds its reply to the contract. */
  operate(id: string, options?: InboxedUpCall): Promise<Reply>
  /** The same, for what the contract does not document. */
  unchecked(id: string, options?: InboxedUpCall): Promise<Reply>
}

export const inboxedUpPrefix = '/inboxedup'

export async function startTestInboxedUp(
  options: Parameters<typeof startTestApi>[0] = {},
): Promise<TestInboxedUp> {
  const api = await startTestApi({ otherFaces: true, ...options })
  const contract = loadContract('inboxedup')
  const unchecked = async (id: string, { id: of = 'none', body, key = api.apiKey }: InboxedUpCall = {}) => {
    const { method, path } = contract.operation(id)
    const filled = path.replace(/\{\w+\}/, encodeURIComponent(of))
    return await call(api.base, '', method, `${inboxedUpPrefix}${filled}`, {
      key: null,
      headers: key === null ? {} : { authorization: `Bearer ${key}` },
      body,
    })
  }
  return {
    ...api,
    contract,
    unchecked,
    operate: async (id, more) => contract.check(id, await unchecked(id, more)),
  }
}
