/** Users of the Directory API, read from its JSON and written to it. */
import { listOf, member, textOf } from '../../../platform/json-members.ts'
import { RemoteFailure, type RemoteUser, type WantedUser } from '../driver.ts'

/** What of a user is read. */
export const userFields =
  'id,primaryEmail,name(givenName,familyName),suspended,suspensionReason,isMailboxSetup,aliases,externalIds,deletionTime'

/** Names have at most so many characters. */
const nameLengthMax = 60
/** The custom type of the external id that marks a user as ours. */
const markType = 'mailwright'

/** @throws RemoteFailure busy, for a reply that is no user. */
export function readUser(json: unknown): RemoteUser {
  const id = textOf(json, 'id')
  const address = textOf(json, 'primaryEmail').toLowerCase()
  if (id === '' || address === '') throw new RemoteFailure('busy', 'Google answered without a user.')
  const isSuspended = member(json, 'suspended') === true
  const isDeleted = textOf(json, 'deletionTime') !== ''
  return {
    id,
    address,
    state: isDeleted ? 'deleted' : isSuspended ? 'suspended' : 'active',
    isReady: member(json, 'isMailboxSetup') === true,
    aliases: listOf(json, 'aliases').flatMap((one) => (typeof one === 'string' ? [one.toLowerCase()] : [])),
    firstName: textOf(member(json, 'name'), 'givenName'),
    lastName: textOf(member(json, 'name'), 'familyName'),
    mark: markOf(json),
    problem: isSuspended ? `Suspended (${textOf(json, 'suspensionReason') || 'no reason given'}).` : null,
  }
}

function markOf(json: unknown): string | null {
  const ours = listOf(json, 'externalIds').find((one) => textOf(one, 'customType') === markType)
  return ours === undefined ? null : textOf(ours, 'value')
}

/** The body of users.insert. */
export function newUser(wanted: WantedUser, orgUnitPath: string | undefined): Record<string, unknown> {
  return {
    primaryEmail: wanted.address,
    name: nameOf(wanted),
    password: wanted.password,
    changePasswordAtNextLogin: false,
    suspended: wanted.suspended,
    externalIds: [{ type: 'custom', customType: markType, value: wanted.mark }],
    ...(orgUnitPath === undefined ? {} : { orgUnitPath }),
  }
}

/** Both names are required there. */
export function nameOf({
  firstName,
  lastName,
  displayName,
}: Pick<WantedUser, 'firstName' | 'lastName' | 'displayName'>): { givenName: string; familyName: string } {
  const [first = '', ...rest] = displayName.trim().split(/\s+/)
  const isNamed = firstName !== '' || lastName !== ''
  const givenName = isNamed ? firstName : first
  const familyName = isNamed ? lastName : rest.join(' ')
  return {
    givenName: shortened(givenName || familyName || '.'),
    familyName: shortened(familyName || '.'),
  }
}

function shortened(name: string): string {
  return [...name].slice(0, nameLengthMax).join('')
}
