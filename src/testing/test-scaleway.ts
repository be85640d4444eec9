/** The dialect of Scaleway on a platform of the test's own: its operations by their names in the contract, each reply checked. */
import { type Contract, loadContract } from './contract.ts'
import { call, type Reply, startTestApi, type TestApi } from './test-api.ts'

export type ScalewayCall = {
  /** Values of the path's parameters. */
  params?: Record<string, string>
  /** As it stands behind the question mark. */
  query?: string
  body?: unknown
  /** Null: none. Default: the bootstrap key. */
  key?: string | null
  headers?: Record<string, string>
}

export type TestScaleway = TestApi & {
  contract: Contract
  /** Calls an operation, and holds its reply to the contract. */
  operate(id: string, options?: ScalewayCall): Promise<Reply>
}

export const scalewayPrefix = '/scaleway'

export async function startTestScaleway(
  options: Parameters<typeof startTestApi>[0] = {},
): Promise<TestScaleway> {
  const api = await startTestApi({ otherFaces: true, ...options })
  const contract = loadContract('scaleway')
  return {
    ...api,
    contract,
    operate: (id, more = {}) => operate(api, contract, id, more),
  }
}

/** The same at another server. */
export async function operate(
  api: Pick<TestApi, 'base' | 'apiKey'>,
  contract: Contract,
  id: string,
  { params = {}, query = '', body, key = api.apiKey, headers = {} }: ScalewayCall,
): Promise<Reply> {
  const { method, path } = contract.operation(id)
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? 'none'))
  const reply = await call(api.base, '', method, `${scalewayPrefix}${filled}${query && `?${query}`}`, {
    key: null,
    headers: { ...(key === null ? {} : { 'x-auth-token': key }), ...headers },
    body,
  })
  return contract.check(id, reply)
}
