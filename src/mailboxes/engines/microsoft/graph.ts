/** One call of Microsoft Graph v1.0: with a token, an id for the support, and what its answer means. */
import { randomUUID } from 'node:crypto'
import { member, textOf } from '../../../platform/json-members.ts'
import { RemoteFailure } from '../driver.ts'
import { askService, type ServiceReply, type ServiceRequest } from '../http.ts'
import { graphFailure } from './failures.ts'
import type { TokenSource } from './token.ts'

export type GraphCall = {
  method: ServiceRequest['method']
  /** Below the version, with its query. */
  path: string
  /** JSON. */
  body?: Readonly<Record<string, unknown>>
  jpeg?: Buffer
  /** Asks the index that knows all properties, and lags (advanced queries on directory objects). */
  isAdvanced?: boolean
}

/** @returns the body; undefined when there is none. @throws RemoteFailure. */
export type GraphAsk = (call: GraphCall) => Promise<unknown>

/** @param graphUrl without a final slash. */
export function graphClient(tokens: TokenSource, graphUrl: string): GraphAsk {
  return async (call) => {
    const request = requestOf(call, graphUrl)
    const ask = (token: string): Promise<ServiceReply> => {
      const headers = {
        ...request.headers,
        authorization: `Bearer ${token}`,
        'client-request-id': randomUUID(),
      }
      return askService({ ...request, headers })
    }
    const token = await tokens.token()
    const reply = await ask(token)
    // A token ends before its time when the application is changed or the clocks differ.
    const settled = reply.status === 401 ? await ask(await tokens.tokenAfter(token)) : reply
    if (settled.status < 200 || settled.status >= 300) throw graphFailure(settled, hiddenOf(call))
    if (call.method === 'GET' && typeof settled.json !== 'object') {
      throw new RemoteFailure('unreachable', `Microsoft answered ${settled.status} without JSON.`)
    }
    return settled.json
  }
}

function requestOf(
  { method, path, body, jpeg, isAdvanced = false }: GraphCall,
  graphUrl: string,
): ServiceRequest {
  return {
    method,
    url: `${graphUrl}${path}`,
    headers: isAdvanced ? { consistencylevel: 'eventual' } : {},
    ...(body === undefined ? {} : { body }),
    ...(jpeg === undefined ? {} : { content: { type: 'image/jpeg', bytes: jpeg } }),
  }
}

function hiddenOf({ body }: GraphCall): string[] {
  return [textOf(member(body, 'passwordProfile'), 'password')]
}
