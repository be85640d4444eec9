/** The driver for Google Workspace: the Directory API, and the Reports API for what a mailbox takes up. */
import { listOf, member, textOf } from '../../../platform/json-members.ts'
import type { EngineCapabilities } from '../../engines.ts'
import { type RemoteDriver, RemoteFailure, type RemoteUser, type WantedUser } from '../driver.ts'
import { type GoogleAsk, googleClient } from './client.ts'
import { type GoogleSettings, ownCustomer } from './settings.ts'
import { nameOf, newUser, readUser, userFields } from './users.ts'

export const googleCapabilities: EngineCapabilities = {
  rename: true,
  aliases: true,
  picture: true,
  restoreDays: 20,
  // Clients log in with app passwords, which only the user makes, or by OAuth.
  passwords: false,
  appPasswords: false,
  totp: false,
}

const directory = '/admin/directory/v1'
const usersPerPage = 500
/** Pages of deleted users that one of them is looked for on. */
const deletedPagesMax = 20
/** Usage reports are ready after some days. */
const reportAgeDays = [2, 3, 4] as const

export type GoogleOptions = {
  /** Null: Google's own. */
  apiUrl: string | null
  now(): Date
}

export function openGoogle(
  settings: GoogleSettings,
  privateKey: string,
  options: GoogleOptions,
): RemoteDriver {
  const ask = googleClient(settings, privateKey, options.apiUrl)
  const customer = settings.customer_id ?? ownCustomer
  return {
    capabilities: googleCapabilities,
    async check() {
      await ask('GET', listPath(customer, { maxResults: '1' }))
      await ask('GET', `${directory}/customer/${customer}/domains`)
    },
    findByAddress: (address) => findUser(ask, address),
    async get(id) {
      return (await findUser(ask, id)) ?? (await findDeleted(ask, customer, id))
    },
    async listUsers(cursor) {
      const { json } = await ask('GET', listPath(customer, cursor === null ? {} : { pageToken: cursor }))
      return { users: listOf(json, 'users').map(readUser), next: textOf(json, 'nextPageToken') || null }
    },
    create: (wanted) => createUser(ask, settings, wanted),
    async update(id, changes) {
      await ask('PATCH', userPath(id), updateBody(changes))
    },
    async setPassword(id, password) {
      await ask('PATCH', userPath(id), { password, changePasswordAtNextLogin: false })
    },
    async addAlias(id, alias) {
      await ask('POST', `${userPath(id)}/aliases`, { alias }).catch(limitIsNoSeat)
    },
    async removeAlias(id, alias) {
      await ask('DELETE', `${userPath(id)}/aliases/${encodeURIComponent(alias)}`)
    },
    async setPicture(id, jpeg) {
      const path = `${userPath(id)}/photos/thumbnail`
      if (jpeg === null) return void (await missingIsDone(ask('DELETE', path)))
      // Unpadded: for padding the vendor's text and the RFC's differ.
      await ask('PUT', path, { photoData: jpeg.toString('base64url'), mimeType: 'JPEG' })
    },
    async delete(id) {
      await ask('DELETE', userPath(id))
    },
    async restore(id) {
      await ask('POST', `${userPath(id)}/undelete`, { orgUnitPath: settings.org_unit_path ?? '/' })
    },
    usageBytes: (id) => usageBytes(ask, id, options.now()),
    operatorSteps: (domain) => operatorSteps(domain),
  }
}

function userPath(key: string): string {
  return `${directory}/users/${encodeURIComponent(key)}`
}

function listPath(customer: string, query: Readonly<Record<string, string>>): string {
  const fields = `nextPageToken,users(${userFields})`
  const search = new URLSearchParams({ customer, maxResults: String(usersPerPage), fields, ...query })
  return `${directory}/users?${search}`
}

async function findUser(ask: GoogleAsk, key: string): Promise<RemoteUser | null> {
  const found = await missingIsDone(ask('GET', `${userPath(key)}?fields=${encodeURIComponent(userFields)}`))
  return found === null ? null : readUser(found.json)
}

/** Deleted users answer to no key: they are only on a list of their own. */
async function findDeleted(ask: GoogleAsk, customer: string, id: string): Promise<RemoteUser | null> {
  let pageToken = ''
  for (let page = 0; page < deletedPagesMax; page++) {
    const more: Record<string, string> = pageToken === '' ? {} : { pageToken }
    const { json } = await ask('GET', listPath(customer, { showDeleted: 'true', ...more }))
    const found = listOf(json, 'users').find((user) => textOf(user, 'id') === id)
    if (found !== undefined) return { ...readUser(found), state: 'deleted' }
    pageToken = textOf(json, 'nextPageToken')
    if (pageToken === '') return null
  }
  return null
}

async function createUser(
  ask: GoogleAsk,
  { customer_id: customer = ownCustomer, org_unit_path: orgUnitPath }: GoogleSettings,
  wanted: WantedUser,
): Promise<RemoteUser> {
  try {
    const { json } = await ask('POST', `${directory}/users`, newUser(wanted, orgUnitPath))
    return readUser(json)
  } catch (error) {
    const isAboutDomain =
      error instanceof RemoteFailure && (error.kind === 'unauthorized' || error.kind === 'rejected')
    if (!isAboutDomain) throw error
    const domain = wanted.address.slice(wanted.address.lastIndexOf('@') + 1)
    if (await isVerified(ask, customer, domain)) throw error
    // Its verification is a person's work, and may be under way: not the fault of the whole connection.
    const words = `The domain ${domain} is not verified in this Google Workspace (${error.message}).`
    throw new RemoteFailure('not_ready', words, { requestId: error.requestId, cause: error })
  }
}

async function isVerified(ask: GoogleAsk, customer: string, domain: string): Promise<boolean> {
  const path = `${directory}/customer/${customer}/domains/${encodeURIComponent(domain)}`
  const found = await missingIsDone(ask('GET', path))
  return found !== null && member(found.json, 'verified') === true
}

function updateBody(changes: Partial<WantedUser>): Record<string, unknown> {
  const { address, suspended, firstName, lastName, displayName } = changes
  const isNamed = firstName !== undefined || lastName !== undefined || displayName !== undefined
  return {
    ...(address === undefined ? {} : { primaryEmail: address }),
    ...(suspended === undefined ? {} : { suspended }),
    ...(isNamed
      ? {
          name: nameOf({
            firstName: firstName ?? '',
            lastName: lastName ?? '',
            displayName: displayName ?? '',
          }),
        }
      : {}),
  }
}

/** From the newest report that there is; null before the first. */
async function usageBytes(ask: GoogleAsk, id: string, now: Date): Promise<number | null> {
  for (const days of reportAgeDays) {
    const date = new Date(now.getTime() - days * 24 * 3_600_000).toISOString().slice(0, 10)
    const path = `/admin/reports/v1/usage/users/${encodeURIComponent(id)}/dates/${date}`
    try {
      const { json } = await ask('GET', `${path}?parameters=accounts:gmail_used_quota_in_mb`)
      const [parameter] = listOf(listOf(json, 'usageReports')[0], 'parameters')
      const megabytes = Number(textOf(parameter, 'intValue') || Number.NaN)
      if (Number.isSafeInteger(megabytes)) return megabytes * 1024 ** 2
    } catch (error) {
      // A report that is not ready is a 400, a user of whom there is none a 404.
      const isMissing = error instanceof RemoteFailure && /^(rejected|not_found)$/.test(error.kind)
      if (!isMissing) throw error
    }
  }
  return null
}

/** What is full here is the user's list of aliases. */
function limitIsNoSeat(error: unknown): never {
  if (!(error instanceof RemoteFailure) || error.kind !== 'no_seats') throw error
  throw new RemoteFailure('rejected', error.message, { requestId: error.requestId, cause: error })
}

async function missingIsDone<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof RemoteFailure && error.kind === 'not_found') return null
    throw error
  }
}

function operatorSteps(domain: string): string[] {
  return [
    `Add and verify ${domain} in the Admin console (Account, Domains), unless it is there.`,
    `Point the MX record of ${domain} to smtp.google.com with priority 1, and add include:_spf.google.com to its SPF record.`,
    `Generate the DKIM key of ${domain} in the Admin console (Apps, Google Workspace, Gmail, Authenticate email), publish it as google._domainkey.${domain}, and start authentication there.`,
    'Let each user whose mail client has no OAuth make an app password: it takes 2-step verification, and cannot be done for them.',
  ]
}
