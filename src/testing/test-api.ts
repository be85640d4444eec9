/** The native API over a socket, on a platform of the test's own. */
import { insertApiKey, type NewApiKey } from '../accounts/api-keys.ts'
import { startAuthenticator } from '../accounts/principals.ts'
import { apiKeyPrefix, newToken } from '../accounts/tokens.ts'
import { createWorkspace } from '../accounts/workspaces.ts'
import { type ApiOptions, type ApiServer, startApi } from '../api/server.ts'
import { type Dialect, dialectFaces } from '../dialects/dialect.ts'
import { otherFaces } from '../other-faces.ts'
import { transaction } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { startTestPlatform, type TestPlatform } from './test-platform.ts'

export type Reply = {
  status: number
  headers: Headers
  text: string
  /** The body as JSON; undefined when there is none. */
  json: unknown
}

export type CallOptions = {
  /** JSON, or text to be sent as it is. */
  body?: unknown
  headers?: Record<string, string>
  /** Null: no key. Default: the bootstrap key. */
  key?: string | null
}

export type Call = (method: string, path: string, options?: CallOptions) => Promise<Reply>

export type Tenant = { organizationId: string; workspaceId: string; key: string }

export type TestApi = TestPlatform & {
  server: ApiServer
  base: string
  call: Call
  /** A key made past the API, for whatever binding and access. */
  key(wanted?: Partial<NewApiKey>, organizationId?: string): Promise<string>
  /** Another organization with a default workspace and a key for all of it. */
  tenant(): Promise<Tenant>
}

export async function startTestApi(
  options: Partial<Pick<ApiOptions, 'eventStreams' | 'faces' | 'isReady' | 'requestsPerMinute'>> & {
    environment?: Record<string, string>
    /** Whether /mcp and the dialects are there, too. */
    otherFaces?: boolean
    /** Dialects of the test's own in their place. */
    dialects?: readonly Dialect[]
  } = {},
): Promise<TestApi> {
  await using stack = new AsyncDisposableStack()
  const { environment, otherFaces: wanted = false, dialects, ...more } = options
  const test = stack.use(await startTestPlatform(environment))
  const { platform } = test
  const authenticator = startAuthenticator(platform)
  stack.defer(() => authenticator.stop())
  const server = await startApi(platform, {
    authenticator,
    host: '127.0.0.1',
    port: 0,
    isReady: () => true,
    ...(wanted ? otherFaces(platform) : {}),
    ...(dialects ? facesOf(platform, dialects) : {}),
    ...more,
  })
  stack.defer(() => server.stop())
  const base = `http://127.0.0.1:${server.port}`
  const running = stack.move()

  const key = async (
    wanted: Partial<NewApiKey> = {},
    organizationId = test.scope.organizationId,
  ): Promise<string> => {
    const token = newToken(apiKeyPrefix)
    const all = {
      name: 'test',
      workspaceId: null,
      mailboxId: null,
      access: 'write' as const,
      expiresAt: null,
    }
    await transaction(platform.db, (tx) =>
      insertApiKey(platform, tx, organizationId, { ...all, ...wanted }, token),
    )
    return token.token
  }
  const tenant = async (): Promise<Tenant> => {
    const organizationId = newId()
    const workspaceId = await transaction(platform.db, async (tx) => {
      await tx
        .insertInto('organizations')
        .values({ id: organizationId, name: 'Other', created_at: platform.clock.now() })
        .execute()
      const workspace = await createWorkspace(platform, tx, organizationId, {
        name: 'Default',
        isDefault: true,
      })
      return workspace.id
    })
    return { organizationId, workspaceId, key: await key({}, organizationId) }
  }
  return {
    ...test,
    server,
    base,
    key,
    tenant,
    call: (method, path, callOptions = {}) => call(base, test.apiKey, method, path, callOptions),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

function facesOf(platform: Platform, dialects: readonly Dialect[]): Partial<ApiOptions> {
  const { face, ...rest } = dialectFaces(platform, dialects)
  return { faces: [face], ...rest }
}

/** A call of the API at `base`, with `defaultKey` unless another is given. */
export async function call(
  base: string,
  defaultKey: string,
  method: string,
  path: string,
  { body, headers = {}, key = defaultKey }: CallOptions,
): Promise<Reply> {
  const response = await fetch(base + path, {
    method,
    redirect: 'manual',
    headers: {
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  const isJson = /json/.test(response.headers.get('content-type') ?? '')
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson ? JSON.parse(text) : undefined,
  }
}

/** A member of a JSON object, by its path: `at(reply.json, 'data', 0, 'id')`. */
export function at(json: unknown, ...path: (string | number)[]): unknown {
  let value = json
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Reflect.get(value, step)
  }
  return value
}

/** The same for a string. */
export function textAt(json: unknown, ...path: (string | number)[]): string {
  return String(at(json, ...path))
}

/** The same where a list must be. */
export function listAt(json: unknown, ...path: (string | number)[]): unknown[] {
  const found = at(json, ...path)
  if (!Array.isArray(found)) throw new Error(`no list at ${path.join('.')} of ${JSON.stringify(json)}`)
  return found
}

/** What a caller learns of a refusal, without what differs in every request. */
export function refusal(reply: Reply): string {
  return `${reply.status} ${textAt(reply.json, 'code')}`
}
