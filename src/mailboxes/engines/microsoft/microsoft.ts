/** Microsoft 365 by Microsoft Graph v1.0: users of a tenant, each with a licence by which Exchange makes a mailbox. */
import { listOf, textOf } from '../../../platform/json-members.ts'
import type { EngineCapabilities } from '../../engines.ts'
import { type RemoteDriver, RemoteFailure, type RemoteUser, type WantedUser } from '../driver.ts'
import { type GraphAsk, graphClient } from './graph.ts'
import { ensureLicence, giveLicence, noSeats, readSku } from './licences.ts'
import { aliasStep, operatorSteps } from './operator-steps.ts'
import { microsoftPolicy } from './policy.ts'
import type { MicrosoftSecret, MicrosoftSettings } from './settings.ts'
import { openTokenSource } from './token.ts'
import {
  type GraphUser,
  newUser,
  passwordProfile,
  readUser,
  userFields,
  userPatch,
  userPath,
} from './users.ts'

const microsoftGraphUrl = 'https://graph.microsoft.com/v1.0'
const microsoftLoginUrl = 'https://login.microsoftonline.com'

/** Null: Microsoft's own. */
export type MicrosoftOptions = { graphUrl: string | null; loginUrl: string | null }

export const microsoftCapabilities: EngineCapabilities = {
  rename: true,
  aliases: false, // proxyAddresses is read-only in Graph
  picture: true,
  restoreDays: 30,
  // Exchange Online takes no password for IMAP and POP3, and by default none for SMTP.
  passwords: false,
  appPasswords: false,
  totp: false,
}

/** Without `usageBytes`: only a report of the whole tenant says that, days later. */
export function openMicrosoft(
  settings: MicrosoftSettings,
  secret: MicrosoftSecret,
  options: MicrosoftOptions,
): RemoteDriver {
  const graphUrl = (options.graphUrl ?? microsoftGraphUrl).replace(/\/+$/, '')
  const loginUrl = (options.loginUrl ?? microsoftLoginUrl).replace(/\/+$/, '')
  const { tenantId, clientId } = settings
  const tokens = openTokenSource({ tenantId, clientId, secret, loginUrl, graphUrl })
  const ask = graphClient(tokens, graphUrl)
  return {
    capabilities: microsoftCapabilities,
    check: () => check(ask, settings),
    findByAddress: (address) => findByAddress(ask, address),
    get: (id) => getUser(ask, id),
    listUsers: (cursor) => listUsers(ask, graphUrl, cursor),
    create: (wanted) => create(ask, settings, wanted),
    complete: (id) => ensureLicence(ask, id, settings),
    async update(id, changes) {
      // Who is logged in stays so for an hour otherwise. First, so that a later attempt does it, too.
      if (changes.suspended) await ask({ method: 'POST', path: `${userPath(id)}/revokeSignInSessions` })
      const body = userPatch(changes)
      if (Object.keys(body).length > 0) await ask({ method: 'PATCH', path: userPath(id), body })
    },
    async setPassword(id, password) {
      const body = { passwordProfile: passwordProfile(password) }
      await ask({ method: 'PATCH', path: userPath(id), body })
    },
    addAlias: async (id, alias) => {
      throw new RemoteFailure('unsupported', aliasStep(id, 'Add', alias))
    },
    removeAlias: async (id, alias) => {
      throw new RemoteFailure('unsupported', aliasStep(id, 'Remove', alias))
    },
    setPicture: (id, jpeg) => setPicture(ask, id, jpeg),
    async delete(id) {
      await ask({ method: 'DELETE', path: userPath(id) })
    },
    async restore(id) {
      await ask({ method: 'POST', path: `${deletedPath(id)}/restore` })
      await ensureLicence(ask, id, settings)
    },
    operatorSteps,
  }
}

const deletedPath = (id: string): string => `/directory/deletedItems/${encodeURIComponent(id)}`

/**
 * Reads what the driver reads. Whether it may write is not asked for: Graph tells that only of a write.
 * @throws RemoteFailure.
 */
async function check(ask: GraphAsk, { skuPartNumber }: MicrosoftSettings): Promise<void> {
  await ask({ method: 'GET', path: '/organization?$select=id' })
  const sku = await readSku(ask, skuPartNumber)
  if (sku.seats === 0) throw noSeats(sku, skuPartNumber)
  const [first] = listOf(await ask({ method: 'GET', path: '/users?$top=1&$select=id' }), 'value')
  const id = textOf(first, 'id')
  if (id !== '') await hasMailbox(ask, id)
}

async function findByAddress(ask: GraphAsk, address: string): Promise<RemoteUser | null> {
  const byName = await readOrNull(ask, `${userPath(address)}?$select=${userFields}`)
  if (byName !== null) return withReadiness(ask, readUser(byName))
  const text = address.replaceAll("'", "''") // OData 4.01, part 2, §5.1.1.7.1
  const filter = [
    `mail eq '${text}'`,
    `proxyAddresses/any(p:p eq 'smtp:${text}')`,
    `proxyAddresses/any(p:p eq 'SMTP:${text}')`,
  ].join(' or ')
  const query = `$filter=${encodeURIComponent(filter)}&$count=true&$top=2&$select=${userFields}`
  const reply = await ask({ method: 'GET', path: `/users?${query}`, isAdvanced: true })
  const [found] = listOf(reply, 'value')
  return found === undefined ? null : withReadiness(ask, readUser(found))
}

async function getUser(ask: GraphAsk, id: string): Promise<RemoteUser | null> {
  const found = await readOrNull(ask, `${userPath(id)}?$select=${userFields}`)
  if (found !== null) return withReadiness(ask, readUser(found))
  const deleted = await readOrNull(ask, `${deletedPath(id)}/microsoft.graph.user?$select=${userFields}`)
  return deleted === null ? null : readUser(deleted, true).user
}

async function readOrNull(ask: GraphAsk, path: string): Promise<unknown> {
  try {
    return await ask({ method: 'GET', path })
  } catch (error) {
    if (error instanceof RemoteFailure && error.kind === 'not_found') return null
    throw error
  }
}

async function withReadiness(ask: GraphAsk, { user, licences }: GraphUser): Promise<RemoteUser> {
  // Who has no licence has no mailbox: Exchange need not be asked.
  return { ...user, isReady: licences.length > 0 && (await hasMailbox(ask, user.id)) }
}

/** There is no flag: a mailbox is there when Exchange shows its settings. */
async function hasMailbox(ask: GraphAsk, id: string): Promise<boolean> {
  try {
    await ask({ method: 'GET', path: `${userPath(id)}/mailboxSettings` })
    return true
  } catch (error) {
    const isMissing = error instanceof RemoteFailure && ['not_ready', 'not_found'].includes(error.kind)
    if (isMissing) return false
    throw error
  }
}

/** Of a page, readiness is what the directory says: an address for mail. Each mailbox would be a call of its own. */
async function listUsers(ask: GraphAsk, graphUrl: string, cursor: string | null) {
  const first = `/users?$select=${userFields}&$top=${microsoftPolicy.usersPerPage}`
  const reply = await ask({ method: 'GET', path: cursor ?? first })
  const users = listOf(reply, 'value').map((json) => {
    const { user, licences } = readUser(json)
    return { ...user, isReady: licences.length > 0 && textOf(json, 'mail') !== '' }
  })
  const link = textOf(reply, '@odata.nextLink')
  if (link !== '' && !link.startsWith(`${graphUrl}/`)) {
    throw new RemoteFailure('unreachable', 'The next page of users is not at Microsoft Graph.')
  }
  return { users, next: link === '' ? null : link.slice(graphUrl.length) }
}

/** A user and its licence, in two steps: an earlier attempt may have got as far as the first. */
async function create(ask: GraphAsk, settings: MicrosoftSettings, wanted: WantedUser): Promise<RemoteUser> {
  const sku = await readSku(ask, settings.skuPartNumber)
  const found = await readOrNull(ask, `${userPath(wanted.address)}?$select=${userFields}`)
  const present = found === null ? null : readUser(found)
  const ours = present?.user.mark === wanted.mark ? present : null
  // Whose name it is else, Graph says.
  if (ours === null && sku.freeSeats === 0) throw noSeats(sku, settings.skuPartNumber)
  const made = ours ?? (await createUser(ask, settings, wanted))
  await giveLicence(ask, made, sku, settings.usageLocation)
  return { ...made.user, problem: null }
}

async function createUser(
  ask: GraphAsk,
  { usageLocation }: MicrosoftSettings,
  wanted: WantedUser,
): Promise<GraphUser> {
  const { mark, suspended } = wanted
  const json = await ask({ method: 'POST', path: '/users', body: newUser(wanted, usageLocation) })
  // The answer has the usual fields only, and these are none.
  const { user } = readUser(json)
  return { user: { ...user, mark, state: suspended ? 'suspended' : 'active' }, licences: [], usageLocation }
}

async function setPicture(ask: GraphAsk, id: string, jpeg: Buffer | null): Promise<void> {
  const path = `${userPath(id)}/photo/$value`
  if (jpeg !== null) {
    const { pictureBytesMax } = microsoftPolicy
    if (jpeg.length > pictureBytesMax) {
      throw new RemoteFailure('rejected', `Microsoft takes no picture above ${pictureBytesMax} bytes.`)
    }
    await ask({ method: 'PUT', path, jpeg })
    return
  }
  try {
    await ask({ method: 'DELETE', path })
  } catch (error) {
    // No picture, or no mailbox to have one: it is as it is wanted. A user that is missing is another matter.
    if (!(error instanceof RemoteFailure && error.kind === 'not_ready')) throw error
  }
}
