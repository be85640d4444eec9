/** Users as Graph shows them, and as it is told to make them. */
import { listOf, member, textOf } from '../../../platform/json-members.ts'
import { RemoteFailure, type RemoteUser, type RemoteUserChanges, type WantedUser } from '../driver.ts'

/** What is read of a user: most of it is not shown unless it is asked for. */
export const userFields = [
  'id',
  'userPrincipalName',
  'mail',
  'proxyAddresses',
  'givenName',
  'surname',
  'accountEnabled',
  'usageLocation',
  'assignedLicenses',
  'licenseAssignmentStates',
  'onPremisesExtensionAttributes',
].join()

/** @param id its id, or its name. */
export const userPath = (id: string): string => `/users/${encodeURIComponent(id)}`

/** Exchange's custom attribute 15 keeps our mark: employeeId takes 16 characters, and people use it. */
const markAttribute = 'extensionAttribute15'

export type GraphUser = {
  user: RemoteUser
  /** By their SKU's id. */
  licences: readonly string[]
  usageLocation: string | null
}

/** @throws RemoteFailure for an answer that is no user. */
export function readUser(json: unknown, isDeleted = false): GraphUser {
  const id = textOf(json, 'id')
  const name = textOf(json, 'userPrincipalName').toLowerCase()
  if (id === '' || name === '') throw new RemoteFailure('unreachable', 'Microsoft answered with no user.')
  // Deletion frees the name: it gets the id, without dashes, in front of it.
  const prefix = id.replaceAll('-', '').toLowerCase()
  const address = isDeleted && name.startsWith(prefix) ? name.slice(prefix.length) : name
  const isEnabled = member(json, 'accountEnabled') !== false
  const licences = listOf(json, 'assignedLicenses').map((one) => textOf(one, 'skuId').toLowerCase())
  const user: RemoteUser = {
    id,
    address,
    state: isDeleted ? 'deleted' : isEnabled ? 'active' : 'suspended',
    isReady: false, // Graph has no such field: Exchange is asked
    aliases: mailAddressesOf(json).filter((one) => one !== address),
    firstName: textOf(json, 'givenName'),
    lastName: textOf(json, 'surname'),
    mark: textOf(member(json, 'onPremisesExtensionAttributes'), markAttribute) || null,
    problem: isDeleted ? null : (licenceProblem(json, licences) ?? addressProblem(json, address)),
  }
  return { user, licences, usageLocation: textOf(json, 'usageLocation') || null }
}

/** `SMTP:` is the primary address, `smtp:` another one; what has another scheme is none. */
function mailAddressesOf(json: unknown): string[] {
  return listOf(json, 'proxyAddresses').flatMap((one) =>
    typeof one === 'string' && /^smtp:/i.test(one) ? [one.slice('smtp:'.length).toLowerCase()] : [],
  )
}

function licenceProblem(json: unknown, licences: readonly string[]): string | null {
  const broken = listOf(json, 'licenseAssignmentStates').find((one) =>
    ['Error', 'ActiveWithError'].includes(textOf(one, 'state')),
  )
  if (broken !== undefined) return `The licence does not work: ${textOf(broken, 'error')}.`
  return licences.length === 0 ? 'The user has no licence.' : null
}

/** Whoever changes one of the two there may forget the other. */
function addressProblem(json: unknown, address: string): string | null {
  const mail = textOf(json, 'mail').toLowerCase()
  return mail === '' || mail === address ? null : `The mailbox has the address ${mail}, its user ${address}.`
}

/** The body of `POST /users`. Names that are not known are left out: Graph refuses empty ones. */
export function newUser(wanted: WantedUser, usageLocation: string): Record<string, unknown> {
  const { address, firstName, lastName, displayName, password, suspended, mark } = wanted
  return {
    accountEnabled: !suspended,
    displayName: displayName || address,
    ...(firstName === '' ? {} : { givenName: firstName }),
    ...(lastName === '' ? {} : { surname: lastName }),
    mailNickname: mailNicknameOf(address),
    userPrincipalName: address,
    usageLocation,
    passwordPolicies: 'DisablePasswordExpiration',
    passwordProfile: passwordProfile(password),
    onPremisesExtensionAttributes: { [markAttribute]: mark },
  }
}

export function passwordProfile(password: string): Record<string, unknown> {
  return { password, forceChangePasswordNextSignIn: false }
}

/** The body of `PATCH /users/{id}`. A name is taken away with null. */
export function userPatch(changes: RemoteUserChanges): Record<string, unknown> {
  const { address, firstName, lastName, displayName, suspended } = changes
  return {
    ...(firstName === undefined ? {} : { givenName: firstName || null }),
    ...(lastName === undefined ? {} : { surname: lastName || null }),
    ...(displayName === undefined ? {} : { displayName }),
    ...(suspended === undefined ? {} : { accountEnabled: !suspended }),
    // The name to log in with, and the mailbox's primary address: two things that nobody tells apart.
    ...(address === undefined
      ? {}
      : { userPrincipalName: address, mail: address, mailNickname: mailNicknameOf(address) }),
  }
}

/** At most 64 characters, of those that Exchange takes in an alias. */
function mailNicknameOf(address: string): string {
  const [localPart = ''] = address.split('@')
  return localPart.replace(/[^A-Za-z0-9._-]/g, '_').slice(0, 64)
}
