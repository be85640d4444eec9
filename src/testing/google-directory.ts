/** The Directory API of the stand-in for Google: users, their aliases and photos, and the tenant's domains. */
import { randomInt } from 'node:crypto'
import { type DirectoryReply, type GoogleState, type GoogleUser, refuse } from './google-state.ts'

const restorableMs = 20 * 24 * 3_600_000
const aliasesMax = 30

export function answerDirectory(
  state: GoogleState,
  method: string,
  { pathname, searchParams: query }: URL,
  body: unknown,
): DirectoryReply {
  if (pathname.startsWith('/admin/reports/v1/usage/users/')) return usage(state, pathname, query)
  const path = pathname.replace('/admin/directory/v1', '')
  const [, collection = '', key = '', ...rest] = path.split('/').map(decodeURIComponent)
  if (collection === 'customer' && rest[0] === 'domains') return domains(state, method, key, rest[1])
  if (collection === 'users') {
    if (key === '' && method === 'GET') return list(state, query)
    if (key === '' && method === 'POST') return insert(state, Object(body))
    if (rest[0] === 'undelete' && method === 'POST') return undelete(state, key, Object(body))
    const user = find(state, key)
    if (user !== null && rest.length === 0) return oneUser(state, method, user, Object(body))
    if (user !== null && rest[0] === 'aliases') return aliases(state, method, user, rest[1], Object(body))
    if (user !== null && rest[0] === 'photos' && rest[1] === 'thumbnail') {
      return photo(state, method, user, Object(body))
    }
    if (user === null && !['asps'].includes(rest[0] ?? '')) return noUser()
  }
  state.complaints.push(`${method} ${path}: there is no such call`)
  return refuse(404, 'notFound', 'Not Found')
}

const noUser = (): DirectoryReply => refuse(404, 'notFound', 'Resource Not Found: userKey')

const ageMs = (state: GoogleState, user: GoogleUser): number => state.now() - user.createdMs

/** By id, address or alias; not among the deleted, and not before it is seen everywhere. */
function find(state: GoogleState, key: string): GoogleUser | null {
  const wanted = key.toLowerCase()
  const found = [...state.users.values()].find(
    (user) =>
      user.deletedMs === null &&
      (user.id === key || user.primaryEmail === wanted || user.aliases.includes(wanted)),
  )
  return found && ageMs(state, found) >= state.delays.visible ? found : null
}

function view(state: GoogleState, user: GoogleUser) {
  return {
    kind: 'admin#directory#user',
    id: user.id,
    primaryEmail: user.primaryEmail,
    name: { ...user.name, fullName: `${user.name.givenName} ${user.name.familyName}` },
    suspended: user.suspended,
    ...(user.suspended ? { suspensionReason: user.suspensionReason } : {}),
    isMailboxSetup: ageMs(state, user) >= state.delays.ready,
    ...(user.aliases.length === 0 ? {} : { aliases: user.aliases }),
    externalIds: user.externalIds,
    orgUnitPath: user.orgUnitPath,
    creationTime: new Date(user.createdMs).toISOString(),
    ...(user.deletedMs === null ? {} : { deletionTime: new Date(user.deletedMs).toISOString() }),
  }
}

function list(state: GoogleState, query: URLSearchParams): DirectoryReply {
  const maxResults = Number(query.get('maxResults') ?? 100)
  const isOwn = ['my_customer', state.customerId].includes(query.get('customer') ?? '')
  if (!isOwn || !(maxResults >= 1 && maxResults <= 500)) return refuse(400, 'badRequest', 'Bad Request')
  const isDeleted = query.get('showDeleted') === 'true'
  const from = Number(/^page-(\d+)$/.exec(query.get('pageToken') ?? 'page-0')?.[1] ?? Number.NaN)
  if (Number.isNaN(from)) return refuse(400, 'invalid', 'Invalid Input: pageToken')
  const all = [...state.users.values()].filter((user) =>
    isDeleted
      ? user.deletedMs !== null && state.now() - user.deletedMs < restorableMs
      : user.deletedMs === null && ageMs(state, user) >= state.delays.visible,
  )
  const to = from + Math.min(maxResults, state.pageSizeMax)
  const page = all.slice(from, to).map((user) => view(state, user))
  return {
    status: 200,
    body: {
      kind: 'admin#directory#users',
      ...(page.length === 0 ? {} : { users: page }),
      ...(to < all.length ? { nextPageToken: `page-${to}` } : {}),
    },
  }
}

/** The problem with a body's fields, or null. */
function problem(state: GoogleState, body: Record<string, unknown>, known: readonly string[]) {
  const unknown = Object.keys(body).filter((name) => !known.includes(name))
  if (unknown.length > 0) {
    state.complaints.push(`unknown fields: ${unknown}`)
    return refuse(400, 'invalid', `Invalid Input: ${unknown}`)
  }
  const { name, password, primaryEmail, externalIds } = body
  const { givenName = '', familyName = '' } = Object(name ?? {})
  if (name !== undefined && !(fits(givenName, 60) && fits(familyName, 60))) {
    return refuse(400, 'invalid', 'Invalid Given/Family Name: FamilyName')
  }
  if (password !== undefined && !(typeof password === 'string' && /^[ -~]{8,100}$/.test(password))) {
    return refuse(400, 'invalid', 'Invalid Password')
  }
  if (externalIds !== undefined) {
    const isCustom = (one: unknown): boolean =>
      Object(one).type === 'custom' && fits(Object(one).customType, 100)
    if (!Array.isArray(externalIds) || !externalIds.every(isCustom)) {
      return refuse(400, 'invalid', 'Invalid Input: externalIds')
    }
  }
  return primaryEmail === undefined ? null : addressProblem(state, primaryEmail)
}

const fits = (text: unknown, max: number): boolean =>
  typeof text === 'string' && text.length > 0 && [...text].length <= max

function addressProblem(state: GoogleState, address: unknown): DirectoryReply | null {
  if (typeof address !== 'string' || !/^[\w.'-]+@[\w.-]+$/.test(address)) {
    return refuse(400, 'invalid', 'Invalid Input: primary_user_email')
  }
  const isVerified = state.domains.get(address.slice(address.indexOf('@') + 1))
  if (isVerified === undefined) return refuse(403, 'forbidden', 'Not Authorized to access this resource/api')
  if (!isVerified) return refuse(400, 'invalid', 'Invalid Input: Domain not verified')
  const isTaken = [...state.users.values()].some(
    (user) =>
      (user.primaryEmail === address || user.aliases.includes(address)) &&
      (user.deletedMs === null || state.now() - user.deletedMs < restorableMs),
  )
  return isTaken ? refuse(409, 'duplicate', 'Entity already exists.') : null
}

const seatsTaken = (state: GoogleState): number =>
  [...state.users.values()].filter(({ deletedMs }) => deletedMs === null).length

function insert(state: GoogleState, body: Record<string, unknown>): DirectoryReply {
  const known = ['primaryEmail', 'name', 'password', 'changePasswordAtNextLogin', 'suspended', 'externalIds']
  for (const name of ['primaryEmail', 'name', 'password']) {
    if (body[name] === undefined) return refuse(400, 'required', `Missing required field: ${name}`)
  }
  const found = problem(state, body, [...known, 'orgUnitPath'])
  if (found) return found
  if (seatsTaken(state) >= state.seats) return refuse(412, 'limitExceeded', 'Domain user limit reached.')
  const { name, externalIds } = body
  const { givenName, familyName } = Object(name)
  const user: GoogleUser = {
    id: String(randomInt(10 ** 12, 10 ** 13)),
    primaryEmail: String(body['primaryEmail']),
    name: { givenName, familyName },
    password: String(body['password']),
    suspended: body['suspended'] === true,
    suspensionReason: 'ADMIN',
    aliases: [],
    externalIds: Array.isArray(externalIds) ? externalIds : [],
    orgUnitPath: String(body['orgUnitPath'] ?? '/'),
    photo: null,
    createdMs: state.now(),
    deletedMs: null,
  }
  state.users.set(user.id, user)
  return { status: 200, body: { ...view(state, user), isMailboxSetup: false } }
}

const incomplete = (): DirectoryReply => refuse(412, 'conditionNotMet', 'User creation is not complete.')

function oneUser(
  state: GoogleState,
  method: string,
  user: GoogleUser,
  body: Record<string, unknown>,
): DirectoryReply {
  if (method === 'GET') return { status: 200, body: view(state, user) }
  if (ageMs(state, user) < state.delays.complete) return incomplete()
  if (method === 'DELETE') {
    user.deletedMs = state.now()
    return { status: 204 }
  }
  if (method !== 'PATCH') return refuse(404, 'notFound', 'Not Found')
  const { primaryEmail, ...more } = body
  const isSame = primaryEmail === user.primaryEmail
  const known = ['primaryEmail', 'name', 'password', 'changePasswordAtNextLogin', 'suspended']
  // A user may take an alias of his own for his address.
  const isOwnAlias = user.aliases.includes(String(primaryEmail))
  const found = problem(state, isSame || isOwnAlias ? more : body, known)
  if (found) return found
  if (typeof primaryEmail === 'string' && !isSame) {
    user.aliases = [...user.aliases.filter((alias) => alias !== primaryEmail), user.primaryEmail]
    user.primaryEmail = primaryEmail
  }
  if (body['name'] !== undefined) user.name = { ...user.name, ...Object(body['name']) }
  if (body['password'] !== undefined) user.password = String(body['password'])
  if (body['suspended'] !== undefined) {
    if (body['suspended'] === false && user.suspended && user.suspensionReason === 'ABUSE') {
      return refuse(403, 'forbidden', 'This user was suspended for abuse.')
    }
    user.suspended = body['suspended'] === true
    user.suspensionReason = 'ADMIN'
  }
  return { status: 200, body: view(state, user) }
}

function aliases(
  state: GoogleState,
  method: string,
  user: GoogleUser,
  alias: string | undefined,
  body: Record<string, unknown>,
): DirectoryReply {
  if (ageMs(state, user) < state.delays.complete) return incomplete()
  if (method === 'DELETE' && alias !== undefined) {
    if (!user.aliases.includes(alias)) return refuse(404, 'notFound', 'Resource Not Found: resource_id')
    user.aliases = user.aliases.filter((one) => one !== alias)
    return { status: 204 }
  }
  if (method !== 'POST' || alias !== undefined) return refuse(404, 'notFound', 'Not Found')
  const found = addressProblem(state, body['alias'])
  if (found) return found
  if (user.aliases.length >= aliasesMax) return refuse(412, 'limitExceeded', 'Limit of aliases reached.')
  user.aliases.push(String(body['alias']))
  return { status: 200, body: { kind: 'admin#directory#alias', alias: body['alias'], id: user.id } }
}

function photo(
  state: GoogleState,
  method: string,
  user: GoogleUser,
  body: Record<string, unknown>,
): DirectoryReply {
  if (ageMs(state, user) < state.delays.complete) return incomplete()
  if (method === 'DELETE') {
    if (user.photo === null) return refuse(404, 'notFound', 'Resource Not Found: photo')
    user.photo = null
    return { status: 204 }
  }
  const { photoData, mimeType } = body
  if (method !== 'PUT' || typeof photoData !== 'string' || !/^[\w-]+[=*.]*$/.test(photoData)) {
    return refuse(400, 'invalid', 'Invalid Input: photoData')
  }
  const bytes = Buffer.from(photoData.replace(/[=*.]+$/, ''), 'base64url')
  if (mimeType !== 'JPEG' || bytes.readUInt16BE(0) !== 0xffd8) return refuse(400, 'invalid', 'Invalid photo')
  user.photo = bytes
  return { status: 200, body: { kind: 'admin#directory#user#photo', width: 96, height: 96 } }
}

/** By the immutable id alone, in time, with a free seat. */
function undelete(state: GoogleState, id: string, body: Record<string, unknown>): DirectoryReply {
  const user = state.users.get(id)
  if (!user || user.deletedMs === null || state.now() - user.deletedMs >= restorableMs) return noUser()
  if (typeof body['orgUnitPath'] !== 'string')
    return refuse(400, 'required', 'Missing required field: orgUnitPath')
  if (seatsTaken(state) >= state.seats) return refuse(412, 'limitExceeded', 'Domain user limit reached.')
  user.deletedMs = null
  return { status: 204 }
}

function domains(
  state: GoogleState,
  method: string,
  customer: string,
  name: string | undefined,
): DirectoryReply {
  const isOwn = customer === 'my_customer' || customer === state.customerId
  if (!isOwn || method !== 'GET')
    return refuse(403, 'forbidden', 'Not Authorized to access this resource/api')
  const all = [...state.domains].map(([domainName, verified]) => ({ domainName, verified }))
  if (name === undefined) return { status: 200, body: { domains: all } }
  const found = all.find(({ domainName }) => domainName === name)
  return found ? { status: 200, body: found } : refuse(404, 'notFound', 'Domain not found.')
}

/** Reports are some days behind. */
function usage(state: GoogleState, path: string, query: URLSearchParams): DirectoryReply {
  const [, key = '', date = ''] = /\/users\/([^/]+)\/dates\/(\d{4}-\d\d-\d\d)$/.exec(path) ?? []
  if (query.get('parameters') !== 'accounts:gmail_used_quota_in_mb') {
    return refuse(400, 'invalid', 'Invalid parameters')
  }
  if (state.now() - Date.parse(date) < 3 * 24 * 3_600_000) {
    return refuse(400, 'invalid', `Data for dates later than ${date} is not yet available.`)
  }
  const megabytes = state.usageMb.get(decodeURIComponent(key))
  if (megabytes === undefined) return { status: 200, body: { kind: 'admin#reports#usageReports' } }
  const parameters = [{ name: 'accounts:gmail_used_quota_in_mb', intValue: String(megabytes) }]
  return { status: 200, body: { usageReports: [{ date, parameters }] } }
}
