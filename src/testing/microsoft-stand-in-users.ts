/** Users of the stand-in for Microsoft Graph: which properties there are, and what is refused of them. */
import { randomUUID } from 'node:crypto'

export class GraphRefusal extends Error {
  readonly status: number
  readonly code: string
  readonly details: readonly Record<string, string>[]

  constructor(
    status: number,
    code: string,
    message: string,
    details: readonly Record<string, string>[] = [],
  ) {
    super(message)
    this.status = status
    this.code = code
    this.details = details
  }
}

export type StandInUser = {
  id: string
  accountEnabled: boolean
  displayName: string
  givenName: string | null
  surname: string | null
  mailNickname: string
  userPrincipalName: string
  mail: string | null
  proxyAddresses: string[]
  usageLocation: string | null
  passwordPolicies: string | null
  employeeId: string | null
  onPremisesExtensionAttributes: Record<string, string | null>
  assignedLicenses: { skuId: string; disabledPlans: string[] }[]
  licenseAssignmentStates: Record<string, unknown>[]
  deletedDateTime: string | null
  /** Not shown by Graph. */
  password: string
  mailboxAtMs: number | null
  everywhereAtMs: number
  readsOfLag: number
  photo: Buffer | null
  sessionsRevoked: number
}

export const hiddenProperties = [
  'password',
  'mailboxAtMs',
  'everywhereAtMs',
  'readsOfLag',
  'photo',
  'sessionsRevoked',
]
/** What is shown without $select. */
export const usualProperties = ['id', 'displayName', 'givenName', 'surname', 'userPrincipalName', 'mail']

const readOnly = new Set([
  'id',
  'proxyAddresses',
  'assignedLicenses',
  'licenseAssignmentStates',
  'deletedDateTime',
])

type Rule = (value: unknown) => boolean
const text =
  (max: number): Rule =>
  (value) =>
    typeof value === 'string' && value.length >= 1 && value.length <= max
const orNull =
  (rule: Rule): Rule =>
  (value) =>
    value === null || rule(value)
const isObjectOf = (rules: Record<string, Rule>): Rule => {
  return (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(value).every(([name, one]) => rules[name]?.(one) === true)
}

const extensionRules = Object.fromEntries(
  Array.from({ length: 15 }, (_, index) => [`extensionAttribute${index + 1}`, orNull(text(1024))]),
)
const writable: Record<string, Rule> = {
  accountEnabled: (value) => typeof value === 'boolean',
  displayName: text(256),
  givenName: orNull(text(64)),
  surname: orNull(text(64)),
  mailNickname: (value) => text(64)(value) && /^[\w.!#$%&'*+/=?^`{|}~-]+$/.test(String(value)),
  userPrincipalName: (value) => /^[A-Za-z0-9'.\-_!#^~]{1,64}@[a-z0-9.-]+$/i.test(String(value)),
  mail: orNull((value) => /^[^\s@]+@[a-z0-9.-]+$/i.test(String(value))),
  usageLocation: (value) => /^[A-Z]{2}$/.test(String(value)),
  passwordPolicies: text(100),
  passwordProfile: isObjectOf({
    password: text(256),
    forceChangePasswordNextSignIn: (value) => typeof value === 'boolean',
    forceChangePasswordNextSignInWithMfa: (value) => typeof value === 'boolean',
  }),
  employeeId: orNull(text(16)),
  onPremisesExtensionAttributes: isObjectOf(extensionRules),
}

export function badRequest(message: string, details: readonly Record<string, string>[] = []): GraphRefusal {
  return new GraphRefusal(400, 'Request_BadRequest', message, details)
}

/** @throws GraphRefusal for a property that there is not, that is read-only, or whose value is none. */
export function checkProperties(body: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(body)) {
    if (readOnly.has(name)) throw badRequest(`Property '${name}' is read-only and cannot be set.`)
    const rule = writable[name]
    if (!rule) throw badRequest(`Property '${name}' does not exist on type 'microsoft.graph.user'.`)
    if (!rule(value)) throw badRequest(`Invalid value specified for property '${name}' of resource 'User'.`)
  }
  const password = Object(body['passwordProfile']).password
  if (password !== undefined && !isStrong(String(password))) {
    throw badRequest(
      'The specified password does not comply with password complexity requirements. Please provide a different password.',
    )
  }
}

/** At least 8 characters of three of the four sorts. */
function isStrong(password: string): boolean {
  const sorts = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((sort) => sort.test(password))
  return password.length >= 8 && sorts.length >= 3
}

const required = ['accountEnabled', 'displayName', 'mailNickname', 'passwordProfile', 'userPrincipalName']

export function newStandInUser(body: Record<string, unknown>, everywhereAtMs: number): StandInUser {
  for (const name of required) {
    if (!(name in body)) throw badRequest(`A value is required for property '${name}' of resource 'User'.`)
  }
  checkProperties(body)
  const profile = Object(body['passwordProfile'])
  if (typeof profile.password !== 'string') throw badRequest('A password must be specified.')
  const textOrNull = (name: string): string | null => {
    const value = body[name]
    return typeof value === 'string' ? value : null
  }
  return {
    id: randomUUID(),
    accountEnabled: body['accountEnabled'] === true,
    displayName: String(body['displayName']),
    givenName: textOrNull('givenName'),
    surname: textOrNull('surname'),
    mailNickname: String(body['mailNickname']),
    userPrincipalName: String(body['userPrincipalName']),
    mail: textOrNull('mail'),
    proxyAddresses: typeof body['mail'] === 'string' ? [`SMTP:${body['mail']}`] : [],
    usageLocation: textOrNull('usageLocation'),
    passwordPolicies: textOrNull('passwordPolicies'),
    employeeId: textOrNull('employeeId'),
    onPremisesExtensionAttributes: { ...Object(body['onPremisesExtensionAttributes']) },
    assignedLicenses: [],
    licenseAssignmentStates: [],
    deletedDateTime: null,
    password: profile.password,
    mailboxAtMs: null,
    everywhereAtMs,
    readsOfLag: 0,
    photo: null,
    sessionsRevoked: 0,
  }
}

/** Changes what `PATCH` names. Of `mail` becomes the primary address; the one before stays as another. */
export function patchStandInUser(user: StandInUser, body: Record<string, unknown>): void {
  const { passwordProfile, mail, onPremisesExtensionAttributes, ...plain } = body
  Object.assign(user, plain)
  if (passwordProfile !== undefined) user.password = String(Object(passwordProfile).password)
  Object.assign(user.onPremisesExtensionAttributes, onPremisesExtensionAttributes)
  if (typeof mail === 'string') setPrimary(user, mail)
}

export function setPrimary(user: StandInUser, address: string): void {
  const others = user.proxyAddresses
    .map((one) => one.replace(/^SMTP:/, 'smtp:'))
    .filter((one) => one.toLowerCase() !== `smtp:${address.toLowerCase()}`)
  user.mail = address
  user.proxyAddresses = [`SMTP:${address}`, ...others]
}

export function addressesOf(user: StandInUser): string[] {
  const proxies = user.proxyAddresses.map((one) => one.slice('smtp:'.length))
  return [user.userPrincipalName, ...proxies].map((one) => one.toLowerCase())
}
