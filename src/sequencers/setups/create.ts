/**
 * Setups: domains and the mailboxes in them in one call, the domains registered where they are not there yet, and the
 * mailboxes brought to a sequencer or into a file when they are.
 */
import {
  requireCredentialsRight,
  requireWorkspace,
  requireWrite,
  type Scope,
} from '../../accounts/principals.ts'
import { lockDomainsByName } from '../../domains/domains.ts'
import { parseDomainName } from '../../domains/names.ts'
import { placeRegistration, type RegistrationRequest } from '../../domains/orders/place.ts'
import type { Product } from '../../domains/products.ts'
import { changeSettings } from '../../domains/settings.ts'
import { buyMailboxes } from '../../mailboxes/purchases.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { newId } from '../../platform/ids.ts'
import { addJob } from '../../platform/jobs.ts'
import type { Platform } from '../../platform/platform.ts'
import { getSequencerLocked } from '../connections.ts'
import type { PlatformName } from '../platforms.ts'

export type SetupMailbox = {
  product: Product
  localPart: string
  firstName: string
  lastName: string
  /** Where it is brought to; null: nowhere, or into a file. */
  sequencerId: string | null
  /** Where its picture lies; it is fetched afterwards. */
  pictureUrl?: string
}

export type SetupDomain = {
  name: string
  /** Null: the workspace has it. */
  register: Pick<RegistrationRequest, 'years' | 'shown' | 'contact' | 'autoRenew' | 'autoRenewUnsaid'> | null
  /** Where browsers that come to it are sent; null: nowhere. */
  redirectUrl: string | null
  mailboxes: readonly SetupMailbox[]
}

export type NewSetup = {
  domains: readonly SetupDomain[]
  /** Null: no file. */
  filePlatform: PlatformName | null
}

export const setupDomainsMax = 100
export const setupMailboxesMax = 1000

/**
 * Orders all of it, or nothing; what follows takes its time.
 * @returns the setup's id.
 * @throws Refusal domain_not_found, domain_not_usable, invalid_request (a domain twice, too many), sequencer_not_found,
 *   sequencer_in_use, forbidden, and what placeRegistration, changeSettings and buyMailboxes refuse with.
 */
export async function createSetup(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  { domains, filePlatform }: NewSetup,
): Promise<string> {
  requireWrite(scope)
  requireWorkspace(scope)
  requireCredentialsRight(scope)
  const wanted = requireDistinct(domains)
  const mailboxes = wanted.flatMap((domain) =>
    domain.mailboxes.map((mailbox) => ({ ...mailbox, domain: domain.name })),
  )
  if (wanted.length > setupDomainsMax || mailboxes.length > setupMailboxesMax) {
    const most = `${setupDomainsMax} domains and ${setupMailboxesMax} mailboxes`
    throw new Refusal('invalid_request', `A setup may have ${most} at most.`)
  }
  for (const id of new Set(mailboxes.flatMap(({ sequencerId }) => sequencerId ?? []))) {
    const { delete_when_empty: ends } = await getSequencerLocked(platform, tx, scope, id)
    if (ends) throw new Refusal('sequencer_in_use', 'The connection is being deleted.')
  }
  const placed = await placeDomains(platform, tx, scope, wanted)
  const made = await buyMailboxes(platform, tx, scope, mailboxes, { waitsForDomain: true, bindsDomain: true })
  const id = newId()
  const now = platform.clock.now()
  await tx
    .insertInto('setups')
    .values({
      id,
      organization_id: scope.organizationId,
      workspace_id: scope.workspaceId,
      state: 'running',
      file_platform: filePlatform,
      created_at: now,
    })
    .execute()
  await tx
    .insertInto('setup_domains')
    .values(
      placed.map(({ id: domainId, name, orderId }, position) => ({
        setup_id: id,
        position,
        workspace_id: scope.workspaceId,
        domain_id: domainId,
        name,
        order_id: orderId,
      })),
    )
    .execute()
  if (made.length > 0) {
    await tx
      .insertInto('setup_mailboxes')
      .values(
        made.map((mailbox, position) => ({
          setup_id: id,
          position,
          domain_id: mailbox.domain_id,
          mailbox_id: mailbox.id,
          address: mailbox.address,
          sequencer_id: mailboxes[position]?.sequencerId ?? null,
        })),
      )
      .execute()
  }
  await appendEvents(platform, tx, [
    {
      type: 'setup.created',
      organizationId: scope.organizationId,
      workspaceId: scope.workspaceId,
      data: { setup_id: id, domains: placed.map(({ name }) => name), mailboxes: made.length },
    },
  ])
  await addJob(tx, 'setups.advance', {}, { key: 'setups.advance' })
  return id
}

function requireDistinct(domains: readonly SetupDomain[]): SetupDomain[] {
  const seen = new Set<string>()
  return domains.map((domain) => {
    const name = parseDomainName(domain.name)
    if (name === null) throw new Refusal('domain_invalid', `"${domain.name}" is not a domain name.`)
    if (seen.has(name)) throw new Refusal('invalid_request', `${name} occurs twice.`)
    seen.add(name)
    return { ...domain, name }
  })
}

type Placed = { id: string; name: string; orderId: string | null }

/** All transactions take names in the same order, so that two of them cannot lock each other out. */
async function placeDomains(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  wanted: readonly SetupDomain[],
): Promise<Placed[]> {
  const placed = new Map<string, Placed>()
  for (const domain of [...wanted].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const one = await placeDomain(platform, tx, scope, domain)
    placed.set(domain.name, one)
    if (domain.redirectUrl !== null) {
      const redirect = { url: domain.redirectUrl, status: 301 as const, keepsPath: false }
      await changeSettings(platform, tx, scope, one.id, { redirect }, null)
    }
  }
  return wanted.flatMap(({ name }) => placed.get(name) ?? [])
}

async function placeDomain(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  { name, register, mailboxes }: SetupDomain,
): Promise<Placed> {
  if (register === null) {
    const [domain] = await lockDomainsByName(tx, scope, [name])
    if (!domain) throw new Refusal('domain_not_found', `${name} is not connected.`)
    return { id: domain.id, name, orderId: null }
  }
  const [first] = mailboxes
  const { domain, order } = await placeRegistration(platform, tx, scope, {
    name,
    ...register,
    dnsMode: null,
    whenShort: 'refuse',
    ...(first ? { product: first.product } : {}),
  })
  return { id: domain.id, name, orderId: order.id }
}
