/**
 * Tokens for Microsoft Graph by client credentials (RFC 6749 §4.4), with a secret or with a certificate that signs an
 * assertion (RFC 7523 §2.2). MSAL makes the requests and keeps the tokens; the way to the network is ours, so that it
 * has our deadlines and bounds, and can lead to another login than Microsoft's public one.
 */
import type { ConfidentialClientApplication, INetworkModule, NodeAuthOptions } from '@azure/msal-node'
import { member } from '../../../platform/json-members.ts'
import { RemoteFailure } from '../driver.ts'
import { askService } from '../http.ts'
import { readCertificate } from './certificate.ts'
import { loginFailure } from './failures.ts'
import type { MicrosoftSecret } from './settings.ts'

export type MicrosoftApplication = {
  tenantId: string
  clientId: string
  secret: MicrosoftSecret
  loginUrl: string
  graphUrl: string
}

export type TokenSource = {
  /** @throws RemoteFailure unauthorized, busy, unreachable. */
  token(): Promise<string>
  /** Another one, in place of `refused`. @throws RemoteFailure like `token`. */
  tokenAfter(refused: string): Promise<string>
}

const publicLoginUrl = 'https://login.microsoftonline.com'
const publicGraphOrigin = 'https://graph.microsoft.com'

/** Tokens of one application: kept in the memory of this source, for as long as they are good. */
export function openTokenSource(application: MicrosoftApplication): TokenSource {
  const graph = new URL(application.graphUrl)
  // MSAL and Microsoft know the public names only; a stand-in over plain HTTP takes their place on the wire.
  const scope = `${graph.protocol === 'https:' ? graph.origin : publicGraphOrigin}/.default`
  const network = networkOf(application)
  let client: ConfidentialClientApplication | null = null

  async function acquire(skipCache: boolean): Promise<string> {
    client ??= await openClient(authOptionsOf(application), network.client)
    try {
      const result = await client.acquireTokenByClientCredential({ scopes: [scope], skipCache })
      if (result) return result.accessToken
    } catch (error) {
      throw network.failure ?? unexpected(error)
    }
    throw new RemoteFailure('unreachable', "Microsoft's login gave no token.")
  }

  const single = new Map<boolean, Promise<string>>()
  function acquireOnce(skipCache: boolean): Promise<string> {
    const running = single.get(skipCache) ?? acquire(skipCache).finally(() => single.delete(skipCache))
    single.set(skipCache, running)
    return running
  }

  return {
    token: () => acquireOnce(false),
    async tokenAfter(refused) {
      const token = await acquireOnce(false)
      return token === refused ? acquireOnce(true) : token
    },
  }
}

/** MSAL takes as long to load as the rest of the program: it is loaded where there is a tenant. */
async function openClient(
  auth: NodeAuthOptions,
  networkClient: INetworkModule,
): Promise<ConfidentialClientApplication> {
  const msal = await import('@azure/msal-node')
  return new msal.ConfidentialClientApplication({ auth, system: { networkClient } })
}

/** MSAL's own errors may quote what it was given: only their code is told. */
function unexpected(error: unknown): RemoteFailure {
  if (error instanceof RemoteFailure) return error
  const code = member(error, 'errorCode')
  const words = `No token (${typeof code === 'string' ? code.slice(0, 100) : 'unknown'}).`
  return new RemoteFailure('unauthorized', words)
}

/** @throws RemoteFailure unauthorized for a key or a certificate that cannot be used. */
function authOptionsOf({ tenantId, clientId, secret, loginUrl }: MicrosoftApplication): NodeAuthOptions {
  const login = new URL(loginUrl.startsWith('https:') ? loginUrl : publicLoginUrl)
  const common = {
    clientId,
    authority: `${login.origin}/${encodeURIComponent(tenantId)}`,
    knownAuthorities: [login.host],
  }
  if (secret.kind === 'client_secret') return { ...common, clientSecret: secret.value }
  const certificate = readCertificate(secret.certificatePem, secret.privateKeyPem)
  if (!certificate.ok) throw new RemoteFailure('unauthorized', certificate.problem)
  const { thumbprintSha256, privateKey } = certificate
  return { ...common, clientCertificate: { thumbprintSha256, privateKey } }
}

/** MSAL's way to the network. What went wrong there is kept, for MSAL would put it into words of its own. */
function networkOf({ loginUrl, secret }: MicrosoftApplication) {
  const hidden = secret.kind === 'client_secret' ? [secret.value] : []
  const network: { failure: RemoteFailure | null; client: INetworkModule } = {
    failure: null,
    client: {
      sendGetRequestAsync: (url) => exchange('GET', url),
      sendPostRequestAsync: (url, options) => exchange('POST', url, options?.body ?? ''),
    },
  }
  async function exchange<T>(method: 'GET' | 'POST', url: string, form?: string) {
    const { pathname, search } = new URL(url)
    const request = { method, url: `${loginUrl}${pathname}${search}`, headers: {} }
    const type = 'application/x-www-form-urlencoded'
    const content = form === undefined ? {} : { content: { type, bytes: Buffer.from(form) } }
    network.failure = null
    try {
      const reply = await askService({ ...request, ...content })
      if (reply.status !== 200) throw loginFailure(reply, hidden)
      return {
        status: reply.status,
        headers: Object.fromEntries(reply.headers),
        body: objectOf<T>(reply.json),
      }
    } catch (error) {
      if (error instanceof RemoteFailure) network.failure = error
      throw error
    }
  }
  return network
}

function objectOf<T>(json: unknown): T {
  if (typeof json !== 'object' || json === null) {
    throw new RemoteFailure('unreachable', "Microsoft's login did not answer with JSON.")
  }
  return json as T // MSAL asks for its own type by a type argument, and checks what it reads
}
