/** The calls of the native API that the demo makes, as any client makes them: over HTTP, with a key. */
import { type Static, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'

export type Credentials = { username: string; password: string }

export type ApiClient = {
  /** Makes a workspace; the calls after it work in it. */
  createWorkspace(name: string): Promise<void>
  connectDomain(name: string): Promise<void>
  /** One call for all of them. @throws when one is not made. */
  createMailboxes(addresses: readonly string[]): Promise<void>
  credentials(address: string): Promise<Credentials>
}

const Workspace = Type.Object({ id: Type.String() })
const Domain = Type.Object({ name: Type.String(), state: Type.Literal('active') })
const Batch = Type.Object({
  data: Type.Array(
    Type.Object({
      status: Type.String(),
      problem: Type.Optional(Type.Object({ detail: Type.Optional(Type.String()) })),
    }),
  ),
})
const CredentialsReply = Type.Object({ username: Type.String(), password: Type.String() })

const requestMsMax = 30_000

/** @param base as in `http://127.0.0.1:8080`. */
export function createApiClient(base: string, apiKey: string): ApiClient {
  const headers = new Headers({ authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' })

  async function call<S extends TSchema>(reply: S, path: string, body?: unknown): Promise<Static<S>> {
    const response = await fetch(`${base}${path}`, {
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      headers,
      signal: AbortSignal.timeout(requestMsMax),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${path} was answered with ${response.status}: ${text}`)
    const value: unknown = JSON.parse(text)
    if (!Value.Check(reply, value)) throw new Error(`${path} was not answered as expected: ${text}`)
    return value
  }

  return {
    async createWorkspace(name) {
      const { id } = await call(Workspace, '/v1/workspaces', { name })
      headers.set('mailwright-workspace', id)
    },
    async connectDomain(name) {
      await call(Domain, '/v1/domains', { name })
    },
    async createMailboxes(addresses) {
      const mailboxes = addresses.map((address) => ({ address }))
      const { data } = await call(Batch, '/v1/mailboxes', { mailboxes })
      const failed = data.find(({ status }) => status !== 'created')
      if (failed) throw new Error(`a mailbox was not made: ${failed.problem?.detail ?? failed.status}`)
      if (data.length !== addresses.length)
        throw new Error(`${data.length} of ${addresses.length} mailboxes made`)
    },
    credentials: (address) =>
      call(CredentialsReply, `/v1/mailboxes/${encodeURIComponent(address)}/credentials`),
  }
}
