/** The routes of the stand-in for Microsoft Graph v1.0. */
import type { IncomingHttpHeaders } from 'node:http'
import type { MicrosoftState } from './microsoft-stand-in-state.ts'
import {
  addressesOf,
  badRequest,
  checkProperties,
  GraphRefusal,
  hiddenProperties,
  newStandInUser,
  patchStandInUser,
  type StandInUser,
  setPrimary,
  usualProperties,
} from './microsoft-stand-in-users.ts'

export type GraphRequest = {
  method: string
  /** Below the version. */
  path: string
  query: URLSearchParams
  headers: IncomingHttpHeaders
  body: Buffer
}

export type GraphReply = { status: number; json?: unknown }

type Handler = (state: MicrosoftState, request: GraphRequest, key: string) => GraphReply

type Route = {
  method: string
  path: RegExp
  /** One of them is enough. */
  permissions: readonly string[]
  handler: Handler
}

const readUsers = ['User.Read.All', 'User.ReadWrite.All', 'Directory.Read.All']
const writeUsers = ['User.ReadWrite.All', 'Directory.ReadWrite.All']
const organization = ['Organization.Read.All', 'Directory.Read.All']
const mailbox = ['MailboxSettings.Read', 'MailboxSettings.ReadWrite']
const licences = ['LicenseAssignment.ReadWrite.All', 'User.ReadWrite.All', 'Directory.ReadWrite.All']
const photos = ['ProfilePhoto.ReadWrite.All', 'User.ReadWrite.All']

const deletedUsers = '/directory/deletedItems'
const routes: readonly Route[] = [
  route('GET', '/organization', organization, organizationReply),
  route('GET', '/subscribedSkus', organization, skusReply),
  route('GET', '/users', readUsers, listUsers),
  route('POST', '/users', writeUsers, createUser),
  route('GET', '/users/KEY', readUsers, (state, request, key) => {
    const context = `${state.graphUrl}/$metadata#users/$entity`
    return ok({ '@odata.context': context, ...shown(readable(state, key), selectOf(state, request)) })
  }),
  route('PATCH', '/users/KEY', writeUsers, patchUser),
  route('DELETE', '/users/KEY', writeUsers, deleteUser),
  route('POST', '/users/KEY/assignLicense', licences, assignLicense),
  route('POST', '/users/KEY/revokeSignInSessions', writeUsers, (state, _request, key) => {
    userOf(state, key).sessionsRevoked += 1
    return ok({ value: true })
  }),
  route('GET', '/users/KEY/mailboxSettings', mailbox, (state, _request, key) => {
    withMailbox(state, userOf(state, key))
    return ok({ timeZone: 'UTC', userPurpose: 'user', language: { locale: 'en-US' } })
  }),
  route('PUT', '/users/KEY/photo/$value', photos, putPhoto),
  route('DELETE', '/users/KEY/photo/$value', photos, (state, _request, key) => {
    const user = withMailbox(state, userOf(state, key))
    if (user.photo === null) throw new GraphRefusal(404, 'ImageNotFound', 'The photo wasn’t found.')
    user.photo = null
    return { status: 204 }
  }),
  route('GET', `${deletedUsers}/KEY/microsoft.graph.user`, readUsers, (state, request, key) =>
    ok(shown(deletedOf(state, key), selectOf(state, request))),
  ),
  route('POST', `${deletedUsers}/KEY/restore`, writeUsers, restoreUser),
]

function route(method: string, path: string, permissions: readonly string[], handler: Handler): Route {
  const pattern = path.replaceAll('$', '\\$').replaceAll('.', '\\.').replace('KEY', '([^/]+)')
  return { method, path: new RegExp(`^${pattern}$`), permissions, handler }
}

const ok = (json: unknown): GraphReply => ({ status: 200, json })

/** @throws GraphRefusal. */
export function routeGraph(state: MicrosoftState, request: GraphRequest): GraphReply {
  authenticate(state, request.headers.authorization)
  sweepDeleted(state)
  const found = routes.find(({ method, path }) => method === request.method && path.test(request.path))
  if (!found) {
    state.complaints.push(`${request.method} ${request.path}: there is no such route`)
    throw badRequest(`Resource not found for the segment '${request.path.split('/')[1]}'.`)
  }
  if (!found.permissions.some((one) => state.permissions.has(one))) throw denied(request.path)
  checkBody(state, request)
  const [, key = ''] = found.path.exec(request.path) ?? []
  return found.handler(state, request, decodeURIComponent(key))
}

function authenticate(state: MicrosoftState, authorization: string | undefined): void {
  const refused = (message: string) => new GraphRefusal(401, 'InvalidAuthenticationToken', message)
  if (!authorization?.startsWith('Bearer ')) throw refused('Access token is empty.')
  const token = state.tokens.get(authorization.slice('Bearer '.length))
  if (!token) throw refused('Access token validation failure. Invalid audience.')
  if (token.endsAtMs <= state.nowMs()) throw refused('Lifetime validation failed, the token is expired.')
}

function denied(path: string): GraphRefusal {
  return /\/mailboxSettings$|\/photo\//.test(path)
    ? new GraphRefusal(403, 'ErrorAccessDenied', 'Access is denied. Check credentials and try again.')
    : new GraphRefusal(
        403,
        'Authorization_RequestDenied',
        'Insufficient privileges to complete the operation.',
      )
}

function checkBody(state: MicrosoftState, { method, path, headers, body }: GraphRequest): void {
  const type = headers['content-type']
  if (body.length === 0) return
  if (method === 'GET' || method === 'DELETE' || /\/restore$|\/revokeSignInSessions$/.test(path)) {
    state.complaints.push(`${method} ${path}: there is no body`)
    return
  }
  const wanted = path.endsWith('/photo/$value') ? 'image/jpeg' : 'application/json'
  if (type === wanted || type?.startsWith(`${wanted};`)) return
  throw new GraphRefusal(415, 'UnsupportedMediaType', `The content type ${type} is not ${wanted}.`)
}

function jsonOf({ body }: GraphRequest): Record<string, unknown> {
  try {
    return Object(JSON.parse(body.toString()))
  } catch {
    throw badRequest('Unable to read JSON request payload.')
  }
}

function organizationReply(state: MicrosoftState): GraphReply {
  const verifiedDomains = state.verifiedDomains.map((name) => ({ name, capabilities: 'Email' }))
  return ok({ value: [{ id: state.tenantId, displayName: 'Stand-in', verifiedDomains }] })
}

function skusReply(state: MicrosoftState): GraphReply {
  const value = state.skus.map(({ skuId, skuPartNumber, seats }) => ({
    id: `${state.tenantId}_${skuId}`,
    skuId,
    skuPartNumber,
    capabilityStatus: 'Enabled',
    appliesTo: 'User',
    consumedUnits: consumedOf(state, skuId),
    prepaidUnits: { enabled: seats, suspended: 0, warning: 0, lockedOut: 0 },
    servicePlans: [],
  }))
  return ok({ value })
}

function consumedOf(state: MicrosoftState, skuId: string): number {
  const users = [...state.users.values()]
  return users.filter((user) => user.assignedLicenses.some((one) => one.skuId === skuId)).length
}

/** @returns null when all usual properties are wanted. */
function selectOf(state: MicrosoftState, { query, path }: GraphRequest): string[] | null {
  const known = ['$select', '$top', '$filter', '$count', '$skiptoken']
  for (const name of query.keys()) {
    if (!known.includes(name)) state.complaints.push(`${path}: no parameter ${name}`)
  }
  return query.get('$select')?.split(',') ?? null
}

function shown(user: StandInUser, select: readonly string[] | null): Record<string, unknown> {
  for (const name of select ?? []) {
    if (!Object.hasOwn(user, name) || hiddenProperties.includes(name)) {
      throw badRequest(`Could not find a property named '${name}' on type 'microsoft.graph.user'.`)
    }
  }
  return Object.fromEntries((select ?? usualProperties).map((name) => [name, Reflect.get(user, name)]))
}

function missing(key: string): GraphRefusal {
  const words = `Resource '${key}' does not exist or one of its queried reference-property objects are not present.`
  return new GraphRefusal(404, 'Request_ResourceNotFound', words)
}

function userOf(state: MicrosoftState, key: string): StandInUser {
  const user = [...state.users.values()].find(
    ({ id, userPrincipalName }) => id === key || userPrincipalName.toLowerCase() === key.toLowerCase(),
  )
  if (!user) throw missing(key)
  return user
}

/** A replica may not have heard of a new user: every other read. */
function readable(state: MicrosoftState, key: string): StandInUser {
  const user = userOf(state, key)
  if (user.everywhereAtMs <= state.nowMs()) return user
  user.readsOfLag += 1
  if (user.readsOfLag % 2 === 1) throw missing(key)
  return user
}

const clausePattern =
  /^(?:(userPrincipalName|mail) eq '((?:[^']|'')*)'|proxyAddresses\/any\((\w+):\3 eq '((?:[^']|'')*)'\))$/

function listUsers(state: MicrosoftState, request: GraphRequest): GraphReply {
  const { query, headers } = request
  const isAdvanced = headers['consistencylevel'] === 'eventual' && query.get('$count') === 'true'
  if ((headers['consistencylevel'] !== undefined || query.has('$count')) && !isAdvanced) {
    throw badRequest('ConsistencyLevel: eventual and $count=true belong together.')
  }
  const select = selectOf(state, request)
  const filter = query.get('$filter')
  const top = Number(query.get('$top') ?? state.usersPerPage)
  if (!(Number.isInteger(top) && top >= 1 && top <= 999)) throw badRequest('Invalid page size specified.')
  const everywhere = [...state.users.values()].filter((user) => user.everywhereAtMs <= state.nowMs())
  const matching = filter === null ? everywhere : everywhere.filter(matcherOf(filter, isAdvanced))
  const from = Number(query.get('$skiptoken') ?? 0)
  const size = Math.min(top, state.usersPerPage)
  const next = new URLSearchParams(query)
  next.set('$skiptoken', String(from + size))
  return ok({
    ...(isAdvanced ? { '@odata.count': matching.length } : {}),
    ...(from + size < matching.length ? { '@odata.nextLink': `${state.graphUrl}/users?${next}` } : {}),
    value: matching.slice(from, from + size).map((user) => shown(user, select)),
  })
}

function matcherOf(filter: string, isAdvanced: boolean): (user: StandInUser) => boolean {
  const clauses = filter.split(' or ').map((text) => {
    const match = clausePattern.exec(text)
    if (!match) throw badRequest(`Invalid filter clause: ${text}`)
    const [, property, value, , proxy] = match
    return { property, value: (value ?? proxy ?? '').replaceAll("''", "'").toLowerCase() }
  })
  if (clauses.length > 1 && !isAdvanced) {
    throw new GraphRefusal(400, 'Request_UnsupportedQuery', 'Unsupported or invalid query filter clause.')
  }
  return (user) =>
    clauses.some(({ property, value }) =>
      property === undefined
        ? user.proxyAddresses.some((one) => one.toLowerCase() === value)
        : String(Reflect.get(user, property)).toLowerCase() === value,
    )
}

function checkName(state: MicrosoftState, name: unknown, self: string | null): void {
  if (typeof name !== 'string') return
  const domain = name.split('@')[1]?.toLowerCase() ?? ''
  if (!state.verifiedDomains.includes(domain)) {
    throw badRequest(
      'The domain portion of the userPrincipalName property is invalid. You must use one of the verified domain names in your organization.',
    )
  }
  const others = [...state.users.values()].filter(({ id }) => id !== self)
  if (!others.some((user) => addressesOf(user).includes(name.toLowerCase()))) return
  const message = 'Another object with the same value for property userPrincipalName already exists.'
  throw badRequest(message, [{ code: 'ObjectConflict', target: 'userPrincipalName', message }])
}

function createUser(state: MicrosoftState, request: GraphRequest): GraphReply {
  const body = jsonOf(request)
  const user = newStandInUser(body, state.nowMs() + state.lagMs)
  checkName(state, user.userPrincipalName, null)
  state.users.set(user.id, user)
  return { status: 201, json: shown(user, null) }
}

function patchUser(state: MicrosoftState, request: GraphRequest, key: string): GraphReply {
  const user = userOf(state, key)
  const body = jsonOf(request)
  if (Object.keys(body).length === 0) throw badRequest('Empty Payload. JSON content expected.')
  checkProperties(body)
  if (body['passwordProfile'] !== undefined && !state.permissions.has('User-PasswordProfile.ReadWrite.All')) {
    throw denied(request.path)
  }
  checkName(state, body['userPrincipalName'], user.id)
  checkName(state, body['mail'], user.id)
  patchStandInUser(user, body)
  return { status: 204 }
}

function deleteUser(state: MicrosoftState, _request: GraphRequest, key: string): GraphReply {
  const user = userOf(state, key)
  state.users.delete(user.id)
  const { userPrincipalName: name } = user
  state.deleted.set(user.id, {
    ...user,
    deletedAtMs: state.nowMs(),
    name,
    userPrincipalName: `${user.id.replaceAll('-', '')}${name}`,
    deletedDateTime: new Date(state.nowMs()).toISOString(),
  })
  return { status: 204 }
}

function deletedOf(state: MicrosoftState, key: string) {
  const user = state.deleted.get(key)
  if (!user) throw missing(key)
  return user
}

const deletedDays = 30

function sweepDeleted(state: MicrosoftState): void {
  for (const { id, deletedAtMs } of state.deleted.values()) {
    if (state.nowMs() - deletedAtMs >= deletedDays * 24 * 3_600_000) state.deleted.delete(id)
  }
}

function restoreUser(state: MicrosoftState, _request: GraphRequest, key: string): GraphReply {
  const { deletedAtMs: _at, name, ...user } = deletedOf(state, key)
  if ([...state.users.values()].some((one) => addressesOf(one).includes(name.toLowerCase()))) {
    const message = 'Another object with the same value for property userPrincipalName already exists.'
    throw new GraphRefusal(409, 'Request_MultipleObjectsWithSameKeyValue', message)
  }
  const kept = state.restoresLicences ? user.assignedLicenses : []
  const restored = { ...user, userPrincipalName: name, deletedDateTime: null, assignedLicenses: kept }
  state.deleted.delete(key)
  state.users.set(key, restored)
  return ok({ '@odata.type': '#microsoft.graph.user', ...shown(restored, null) })
}

function assignLicense(state: MicrosoftState, request: GraphRequest, key: string): GraphReply {
  const user = userOf(state, key)
  const { addLicenses, removeLicenses, ...more } = jsonOf(request)
  if (!Array.isArray(addLicenses) || !Array.isArray(removeLicenses) || Object.keys(more).length > 0) {
    throw badRequest('addLicenses and removeLicenses are required, and nothing else.')
  }
  if (addLicenses.length > 0 && user.usageLocation === null) {
    throw badRequest('License assignment cannot be done for user with invalid usage location.')
  }
  user.assignedLicenses = user.assignedLicenses.filter(({ skuId }) => !removeLicenses.includes(skuId))
  for (const one of addLicenses) {
    const sku = state.skus.find(({ skuId }) => skuId === Object(one).skuId)
    if (!sku) throw badRequest(`License ${Object(one).skuId} does not correspond to a valid company License.`)
    const { skuId, seats } = sku
    if (user.assignedLicenses.some((held) => held.skuId === skuId)) continue
    if (consumedOf(state, skuId) >= seats) {
      throw badRequest(`Subscription with SKU ${skuId} does not have any available licenses.`)
    }
    user.assignedLicenses.push({ skuId, disabledPlans: [] })
    user.licenseAssignmentStates = [{ skuId, state: 'Active', error: 'None', assignedByGroup: null }]
    user.mailboxAtMs ??= state.nowMs() + state.provisioningMs
    if (user.mail === null) setPrimary(user, user.userPrincipalName)
  }
  return ok(shown(user, null))
}

/** @throws GraphRefusal as long as Exchange has none. */
function withMailbox(state: MicrosoftState, user: StandInUser): StandInUser {
  const isThere = user.mailboxAtMs !== null && user.mailboxAtMs <= state.nowMs()
  if (isThere && user.assignedLicenses.length > 0) return user
  const words = 'The mailbox is either inactive, soft-deleted, or is hosted on-premise.'
  throw new GraphRefusal(404, 'MailboxNotEnabledForRESTAPI', words)
}

function putPhoto(state: MicrosoftState, { body }: GraphRequest, key: string): GraphReply {
  const user = withMailbox(state, userOf(state, key))
  if (body.length > 4 * 1024 ** 2) throw new GraphRefusal(413, 'RequestEntityTooLarge', 'Too large.')
  if (body.subarray(0, 3).toString('hex') !== 'ffd8ff') {
    throw new GraphRefusal(400, 'ErrorInvalidImage', 'The image is no JPEG.')
  }
  user.photo = body
  return { status: 200 }
}
