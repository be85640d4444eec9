/** The routes of a running server, read from the reference that it gives of itself. */
import { minimalValue, propertiesOf, UnknownShape } from './minimal-value.ts'
import { at, type TestApi, textAt } from './test-api.ts'

export type ListedRoute = {
  /** As in `GET /v1/mailboxes/{mailbox}`. */
  name: string
  method: string
  path: string
  /** Asks for no caller. */
  isOpen: boolean
  /** The names of the query's parameters. */
  query: string[]
  /** Those of them that are true or false. */
  flags: string[]
  /** The names of the body's properties. */
  properties: string[]
  mediaType: string | null
  /** The smallest body that the schema takes. @throws UnknownShape where the schema does not tell. */
  body(): unknown
}

/** Every route that the server documents; reference.test.ts holds that to what it has. */
export async function listRoutes(api: TestApi): Promise<ListedRoute[]> {
  const { json } = await api.call('GET', '/v1/openapi.json', { key: null })
  return Object.entries(Object(at(json, 'paths'))).flatMap(([path, byMethod]) =>
    Object.entries(Object(byMethod)).map(([method, operation]) =>
      listedRoute(json, path, method.toUpperCase(), operation),
    ),
  )
}

function listedRoute(root: unknown, path: string, method: string, operation: unknown): ListedRoute {
  const name = `${method} ${path}`
  const content = Object(at(operation, 'requestBody', 'content'))
  const mediaTypes = Object.keys(content)
  const mediaType = mediaTypes.find((one) => one === 'application/json') ?? mediaTypes[0] ?? null
  const schema: unknown = mediaType === null ? undefined : at(content, mediaType, 'schema')
  return {
    name,
    method,
    path,
    isOpen: Array.isArray(at(operation, 'security')),
    query: parameters(operation).map((one) => textAt(one, 'name')),
    flags: parameters(operation)
      .filter((one) => at(one, 'schema', 'type') === 'boolean')
      .map((one) => textAt(one, 'name')),
    properties: formsOf(schema).flatMap((form) => propertiesOf(form).map(([property]) => property)),
    mediaType,
    body() {
      if (mediaType === null) return undefined
      if (mediaType !== 'application/json') throw new UnknownShape(`a body of ${mediaType}`)
      return minimalValue(schema, root)
    },
  }
}

/** A schema that is one of several forms, as those. */
function formsOf(schema: unknown): unknown[] {
  const forms = at(schema, 'oneOf') ?? at(schema, 'anyOf')
  return Array.isArray(forms) ? forms : [schema]
}

/** Those of the query. */
function parameters(operation: unknown): unknown[] {
  const all = at(operation, 'parameters')
  return Array.isArray(all) ? all.filter((one) => at(one, 'in') === 'query') : []
}
